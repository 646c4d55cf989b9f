"""What a user sees when something is wrong: one sentence, never a traceback."""


class UserError(Exception):
    """Bad input; the message says which input, what is wrong and what to do."""
