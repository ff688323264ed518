"""Importers of recorded branches: one file a format, one form of a line, one way into an environment."""
