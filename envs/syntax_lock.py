"""A lock that lets only one thread at a time build a syntax tree."""

from __future__ import annotations

import threading

SYNTAX_LOCK = threading.RLock()
"""Hold this lock around every call that parses Python, such as `ast.parse` and `numpy.load`, which parses file headers.

CPython 3.11 and 3.12 share one recursion counter of the parser among all threads, and fail if two threads parse at the
same time.
"""
