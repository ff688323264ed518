"""Plots as PNG, SVG or PDF files: scaling curves, the lineage, one episode."""
