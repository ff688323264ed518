"""Versions on disk: the archive of a run, lists of it that are always fresh, and those that ship with the program."""
