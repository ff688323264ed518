"""The public Python API: tests that import nothing of the project but `autotts`."""
