"""Experiment trackers: they receive a run's metrics when the user asks for one."""
