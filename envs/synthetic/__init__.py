"""Synthetic environments: a generative model of branches, its fit to recordings, and simulated variants."""
