"""Calls to language models: a journal that never pays twice, prices and budgets, and conversations with tools."""
