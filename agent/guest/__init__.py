"""A person's own agent as the explorer of a run: the desk at which the run waits for it, and its way in over MCP."""
