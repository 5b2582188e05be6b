"""Answers about injections, each of which is asked for several times."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from patom.attacks.injection import Injection

Answer = TypeVar("Answer")
_LENGTH = 4


@dataclass
class Memory(Generic[Answer]):
    """The last few answers, by the injection (the object, not its values) or None for no injection."""

    answers: list[tuple[Injection | None, Answer]] = field(default_factory=list)

    def recall(self, injection: Injection | None, ask: Callable[[], Answer]) -> Answer:
        """The answer about this injection; asked for where it is not remembered."""
        known = next((answer for asked, answer in self.answers if asked is injection), None)
        if known is None:
            known = ask()
            self.answers[:] = [*self.answers[1 - _LENGTH :], (injection, known)]
        return known

    @property
    def last(self) -> Answer | None:
        """The answer to what was asked last and not remembered."""
        return self.answers[-1][1] if self.answers else None
