"""A directory in which a coding agent works: its files, its socket, its leash."""
