"""Candidates that are evaluated at the same time: their work runs ahead, the decisions about them keep their order."""
