"""Cheap rejection: a candidate that cannot come up to the front is given up after a small part of its episodes."""
