"""The roots of all errors that a user can meet; the command line turns each into one message."""


class UserError(Exception):
    """The user's input cannot be used: what, where, why and what to do instead. Exit code 2."""


class ToolError(Exception):
    """A tool that we call is missing or failed. Exit code 1."""
