"""The command `autotts`: one file for each command, with its options beside its behaviour."""
