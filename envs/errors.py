"""What can be wrong with what a user gave us."""


class InputError(Exception):
    """The user's input cannot be used. The message says what is wrong, where, and what to do."""


class DamagedFile(InputError):
    """A file of ours is not what we wrote: not the user's fault. The message says which, and how to mend it."""
