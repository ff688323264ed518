"""Fuzzing of everything that reads bytes from a candidate or from a stranger: see `targets`."""
