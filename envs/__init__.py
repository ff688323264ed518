"""The worlds: recorded branches, what a controller may do with them, and what it earned."""

from .contract.controller import Controller, confidence, leader, majority, weighted_majority
from .contract.question import BudgetSpent, IllegalAction, Probe, Question

__all__ = [
    "BudgetSpent",
    "Controller",
    "IllegalAction",
    "Probe",
    "Question",
    "confidence",
    "leader",
    "majority",
    "weighted_majority",
]
