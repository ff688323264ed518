"""Controllers in the sandbox that ask the host for each action, in front of a live model."""
