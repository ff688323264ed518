"""Versions and runs on disk: the archive, its index, bundles, baselines, champions and run directories."""
