"""Experiment trackers, which may be told of a run: off unless asked for, and never in its way."""
