"""What people read as text: tables and curves in a terminal, the progress of a run, Markdown."""
