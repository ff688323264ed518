"""Imports recorded branches: each file format has a reader, and all readers yield rows of the same form."""
