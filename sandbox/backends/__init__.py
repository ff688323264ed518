"""Sandbox backends: Docker, bubblewrap and plain processes."""
