"""Shards of one problem as the oracle addresses them: all at once."""

from dataclasses import dataclass
from typing import Any, Protocol

from patom.core.arrays import FloatArray
from patom.core.solvers.sharded.shard import Shard, Sums


class Shards(Protocol):
    """All tasks, somewhere."""

    @property
    def shape(self) -> tuple[int, int]:
        """(m, p) of all tasks together."""

    @property
    def n_rows(self) -> int:
        """Rows of all tasks together."""

    def reduce(self, method: str, *arguments: Any) -> list[Sums]:
        """What the method of that name of ``Shard`` returns for each shard, in their order."""

    def write(self, slot: int, W: FloatArray | None) -> None:
        """Fill a slot of every shard from the rows of W, shape (m, p), or with zeros."""

    def read(self, slot: int) -> FloatArray:
        """A slot of all shards, shape (m, p)."""


@dataclass(frozen=True)
class OneShard:
    """Everything in this process."""

    shard: Shard

    @property
    def shape(self) -> tuple[int, int]:
        return self.shard.shape

    @property
    def n_rows(self) -> int:
        return self.shard.n_rows

    def reduce(self, method: str, *arguments: Any) -> list[Sums]:
        return [getattr(self.shard, method)(*arguments)]

    def write(self, slot: int, W: FloatArray | None) -> None:
        self.shard.write(slot, W)

    def read(self, slot: int) -> FloatArray:
        return self.shard.read(slot)
