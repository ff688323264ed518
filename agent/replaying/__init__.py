"""Replay of an archive on environments that it was not found on: what transfers, and what does not."""
