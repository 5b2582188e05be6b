"""The names of attacks: the method that chooses the rows, and which tasks they reach."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Method(StrEnum):
    """How injected rows are chosen. The value is its name in settings and files."""

    RANDOM = "random"
    PATOM = "patom"
    ASCENT = "ascent"
    FLIP = "flip"
    INFLUENCE = "influence"
    BACK_GRADIENT = "back-gradient"
    SINGLE_TASK = "single-task"
    MODEL_TARGETED = "model-targeted"
    AT2FL = "at2fl"

    @property
    def words(self) -> str:
        """Its name in words.

        >>> Method.FLIP.words, Method.PATOM.words
        ('label flip', 'PATOM')
        """
        return _WORDS.get(self, self.value)


_WORDS = {
    Method.PATOM: "PATOM",
    Method.FLIP: "label flip",
    Method.INFLUENCE: "one-shot influence",
    Method.AT2FL: "AT2FL",
}


class Reach(StrEnum):
    """How the target tasks and the attacking tasks lie: the same ones, different ones, or partly the same."""

    DIRECT = "direct"
    INDIRECT = "indirect"
    HYBRID = "hybrid"

    @classmethod
    def between(cls, targets: Iterable[Hashable], attackers: Iterable[Hashable]) -> Self:
        """The reach of an attack on these tasks through those.

        >>> Reach.between([1, 2], [2, 1]), Reach.between([1], [2]), Reach.between([1], [1, 2])
        (<Reach.DIRECT: 'direct'>, <Reach.INDIRECT: 'indirect'>, <Reach.HYBRID: 'hybrid'>)
        """
        aims, ways = set(targets), set(attackers)
        return cls("direct" if aims == ways else "hybrid" if aims & ways else "indirect")


@dataclass(frozen=True, order=True)
class AttackName:
    """A method and its reach. Files write both as one word, such as ``"patom-direct"``.

    >>> name = AttackName.parse("back-gradient-indirect")
    >>> name.method, name.reach.value, str(name)
    (<Method.BACK_GRADIENT: 'back-gradient'>, 'indirect', 'back-gradient-indirect')
    >>> name.words
    'back-gradient, indirect'
    """

    method: Method
    reach: Reach

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the word that files hold.

        Raises
        ------
        ValueError
            For a word that names no method and reach.
        """
        method, _, reach = text.rpartition("-")
        try:
            return cls(Method(method), Reach(reach))
        except ValueError:
            raise ValueError(f"{text!r} names no attack; an example of a name is 'patom-direct'") from None

    def __str__(self) -> str:
        return f"{self.method}-{self.reach}"

    @property
    def words(self) -> str:
        """Both in words."""
        return f"{self.method.words}, {self.reach}"
