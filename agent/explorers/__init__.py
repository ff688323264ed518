"""Explorers: they propose candidates. One package for each, and a registry."""
