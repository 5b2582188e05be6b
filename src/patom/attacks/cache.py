"""Answers about injections, each of which is asked for several times."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from patom.attacks.injection import Injection

Answer = TypeVar("Answer")


@dataclass
class Memory(Generic[Answer]):
    """The last few answers, by the injection (the object, not its values) or None for no injection.

    Parameters
    ----------
    length : int, default 4
        Answers that are kept, at least 1; large ones fewer.
    """

    length: int = 4
    answers: list[tuple[Injection | None, Answer]] = field(default_factory=list)

    def recall(self, injection: Injection | None, ask: Callable[[], Answer]) -> Answer:
        """The answer about this injection; asked for where it is not remembered."""
        known = next((answer for asked, answer in self.answers if asked is injection), None)
        if known is None:
            kept = self.length - 1
            del self.answers[: max(0, len(self.answers) - kept)]  # before the new one takes its place in memory
            known = ask()
            self.answers.append((injection, known))
        return known

    @property
    def last(self) -> Answer | None:
        """The answer to what was asked last and not remembered."""
        return self.answers[-1][1] if self.answers else None
