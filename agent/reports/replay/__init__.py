"""Replays an archive on other environments, and reports which gains transfer."""
