"""The controller contract: the modules that also run inside the sandbox. Standard library only."""
