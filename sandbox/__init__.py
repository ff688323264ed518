"""Runs controllers that nobody has reviewed, isolated from the host."""
