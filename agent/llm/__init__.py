"""Talking to a language model: calls that are paid for once, their price, and conversations."""
