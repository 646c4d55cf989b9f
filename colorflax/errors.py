"""What a user sees when something is wrong: one sentence, never a traceback."""


class UserError(Exception):
    """Bad input; the message says which input, what is wrong and what to do."""


class TooLargeError(UserError):
    """A format has no pictures of a size; the message names no file."""


class FullError(UserError):
    """A disk takes nothing more, whatever it is; the message names a file."""


class Stopped(Exception):  # noqa: N818 - nothing is wrong
    """A signal ended a run, whose work is saved; `code` is what to exit with."""

    def __init__(self, message: str, code: int):
        super().__init__(message)
        self.code = code
