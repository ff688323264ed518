"""The prompts of explorers that ask a model or a coding agent: the texts, and the code that fills them in."""
