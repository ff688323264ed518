"""One thread at a time builds a syntax tree."""

from __future__ import annotations

import threading

SYNTAX_LOCK = threading.RLock()
"""To be held by whoever has Python build a syntax tree, as NumPy does for the head of each column that it reads.

CPython counts how deep it is in a tree for all threads together (3.11 and 3.12), and fails where two are at it.
"""
