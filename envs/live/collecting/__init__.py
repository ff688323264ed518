"""Collecting: asks a live model every question many times, and makes an environment of the branches."""
