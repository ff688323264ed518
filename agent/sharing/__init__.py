"""Versions of an archive as one file that can be published and cited, and back."""
