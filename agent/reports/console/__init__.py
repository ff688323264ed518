"""Terminal output: tables, curves and live progress."""
