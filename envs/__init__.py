"""Environments: recorded branches, the controller contract, episodes and scores."""

from .contract.controller import Controller, confidence, leader, majority, weighted_majority
from .contract.question import BudgetSpent, IllegalAction, Probe, Question, TokensSpent

__all__ = [
    "BudgetSpent",
    "Controller",
    "IllegalAction",
    "Probe",
    "Question",
    "TokensSpent",
    "confidence",
    "leader",
    "majority",
    "weighted_majority",
]
