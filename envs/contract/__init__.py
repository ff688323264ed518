"""The controller contract: the modules that also run inside the sandbox. They use the standard library only."""
