"""The roots of all errors that a user can meet; the command line turns each into one message."""

from collections.abc import Callable


class UserError(Exception):
    """The user's input cannot be used: what, where, why and what to do instead. Exit code 2."""


class Refusal(UserError):
    """What is refused, and perhaps for size alone: then another configuration may do.

    ``advice`` finds one when the message is first read, which may take seconds, and is said after
    everything else.
    """

    advice: Callable[[], str] | None = None
    _advised: str | None = None

    @property
    def plain(self) -> str:
        """The message without advice."""
        return super().__str__()

    @property
    def of_size(self) -> bool:
        """Whether all that is in the way is a matter of size."""
        return False

    def __str__(self) -> str:
        if self.advice and self._advised is None:
            self._advised = self.advice()
        return f"{self.plain}\n{self._advised}" if self._advised else self.plain


def plain(problem: Exception) -> str:
    """The message of an error without advice, which may take seconds to be found."""
    return problem.plain if isinstance(problem, Refusal) else str(problem)


class ToolError(Exception):
    """A tool that we call is missing or failed. Exit code 1."""
