"""Turns action logs into findings: what a controller did, what it did wrong, and what another look would have shown."""
