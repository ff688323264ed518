"""Runs candidates on the nodes of a Ray cluster, each in the node's own sandbox."""
