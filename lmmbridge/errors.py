"""The one exception for bad input: its message is a sentence for the user."""


class InputError(ValueError):
    """Input that cannot be used; names the argument, the individual, column or file, and what to do."""
