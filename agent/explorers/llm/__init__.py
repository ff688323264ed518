"""Explorers that ask a language model through an API."""
