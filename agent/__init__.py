"""The discovery loop, and everything a person touches."""
