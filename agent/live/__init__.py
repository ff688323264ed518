"""Asks a live model with a controller: one question, or collected ones to compare with replay."""
