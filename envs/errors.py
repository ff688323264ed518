"""The errors for input that cannot be used."""


class InputError(Exception):
    """The user's input cannot be used. The message says what is wrong, where, and what to do."""


class DamagedFile(InputError):
    """A file that this program wrote is damaged; the user is not at fault. The message names it and the remedy."""
