"""Everything that people read after or during a run: run reports, replay reports, plots, console output, trackers."""
