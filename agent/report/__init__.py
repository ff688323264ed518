"""The end of a run: what it has found, on branch orders that the search has never seen."""

from .last_choice import FINALISTS, write_report
from .model import Report, read_report

__all__ = ["FINALISTS", "Report", "read_report", "write_report"]
