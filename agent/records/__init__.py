"""Data that the whole program shares: versions, cards, findings, briefs, proposals and the explorer protocol."""
