"""What an explorer may look at and try while it works on one brief."""

from __future__ import annotations


class Workbench:
    """See the tools in `agent.tools`: every method returns a small text."""
