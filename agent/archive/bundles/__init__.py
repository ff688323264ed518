"""Exports versions of an archive to one file, and imports them again."""
