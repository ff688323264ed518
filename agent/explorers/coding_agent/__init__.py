"""The explorer `command`: runs a coding agent in a workspace directory, without a person."""
