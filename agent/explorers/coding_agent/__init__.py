"""The explorer `command`: runs a coding agent headless in a workspace directory."""
