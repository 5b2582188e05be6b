"""The shards of a fit on the workers of a dask cluster, as the oracle addresses them."""

import pickle
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import numpy as np
from distributed import Client, Future, wait

from patom.core.arrays import FloatArray, IntArray
from patom.core.tall.shard import Sums
from patom.distributed import held
from patom.distributed.held import About, Behind, Message

_PATIENCE = 0.5
"""Seconds to wait for answers before looking whether the workers still live."""
_FETCHING = 120.0
"""How much longer the fetching of finished answers may take."""
_PRIORITY = 10
"""Of requests, above that of a grid's cells on the same cluster."""
_UNCHANGING = ("value_without_weights", "largest_curvature", "mean_square", "gram")


@dataclass
class Traffic:
    """What went over the wire, as the bytes of the pickled messages.

    Parameters
    ----------
    rounds : int
        Requests to all shards together.
    sent, received : int
        Bytes of all messages and of all answers.
    largest : int
        Bytes of the largest message and its answer, of one shard.
    recovered : int
        Partitions that were loaded again in place of lost ones.
    """

    rounds: int = 0
    sent: int = 0
    received: int = 0
    largest: int = 0
    recovered: int = 0

    def note(self, messages: Sequence[Message], answers: Sequence[Any]) -> None:
        """Count a round."""
        sizes = [_size(message) for message in messages], [_size(answer) for answer in answers]
        self.rounds += 1
        self.sent, self.received = self.sent + sum(sizes[0]), self.received + sum(sizes[1])
        self.largest = max(self.largest, *map(sum, zip(*sizes, strict=True)))


@dataclass
class Partition:
    """One shard as the driver knows it: its source, where it was to be and is, and every message that changed it."""

    source: Any
    place: str | None = None
    lease: Future | None = None
    about: About | None = None
    log: list[Message] = field(default_factory=list)

    @property
    def here(self) -> About:
        """Where it is and what it holds."""
        assert self.about is not None
        return self.about


@dataclass(frozen=True)
class Stored:
    """Weights that stay in a slot of every shard."""

    slot: int


class DaskShards:
    """Shards in worker processes; see ``core.tall.shards.Shards``.

    Parameters
    ----------
    client : distributed.Client
    sources : sequence
        Of each partition's rows: a callable, or a future of (X, y, task).

    Notes
    -----
    A request is a task that is bound to the worker which holds the shard. Where that worker is gone, or has forgotten,
    the rows are loaded again, wherever dask puts them, and the shard is sent all messages since the start, which
    brings it to the same bits. A message is of the size of a few (p, p) matrices at most, and so is an answer.
    """

    def __init__(self, client: Client, sources: Sequence[Any]) -> None:
        self.client, self.name = client, f"patom-{uuid4().hex[:12]}"
        self.partitions = [Partition(source) for source in sources]
        self.traffic = Traffic()
        self.start: tuple[Any, ...] = ()
        self._number = 0
        threads = client.nthreads()
        places = [address for address, count in sorted(threads.items()) for _ in range(max(1, count))]
        for k, partition in enumerate(self.partitions):  # in the order of the workers, as many as they have threads
            self._load(partition, places[k * len(places) // len(self.partitions)])
        self._settle(self.partitions)

    @property
    def shape(self) -> tuple[int, int]:
        """(m, p) of all tasks together."""
        abouts = [partition.here for partition in self.partitions]
        return sum(about.tasks.size for about in abouts), abouts[0].n_features + 1

    @property
    def n_rows(self) -> int:
        """Rows of all tasks together."""
        return sum(partition.here.n_rows for partition in self.partitions)

    @property
    def bounds(self) -> IntArray:
        """Where each shard's tasks begin among all, and m."""
        return np.concatenate([[0], np.cumsum([partition.here.tasks.size for partition in self.partitions])])

    def reduce(self, method: str, *arguments: Any) -> list[Sums]:
        """What the method of that name of ``Shard`` returns for each shard, in their order."""
        return self._send([(method, arguments)] * len(self.partitions))

    def write(self, slot: int, W: FloatArray | None) -> None:
        """Fill a slot of every shard from the rows of W, shape (m, p), or with zeros."""
        parts = [None] * len(self.partitions) if W is None else np.split(W, self.bounds[1:-1])
        self._send([("write", (slot, part)) for part in parts])

    def read(self, slot: int) -> Any:
        """Nothing moves: the weights stay where they are."""
        return Stored(slot)

    def gather(self, slot: int, rows: Sequence[IntArray | None] | None = None) -> list[FloatArray]:
        """A slot's rows from each shard: all, or those at these positions within it."""
        wanted = [None] * len(self.partitions) if rows is None else rows

        def ask(k: int) -> Future:
            return self._submit(k, held.read, slot, wanted[k])

        return self._answers(ask, range(len(self.partitions)))

    def predict(self, slot: int, sources: Sequence[Any]) -> list[Any]:
        """A future of each source's predictions by the weights in a slot."""
        self.gather(slot, [np.zeros(0, dtype=np.int64)] * len(sources))  # brings lost shards back
        return [self._submit(k, held.predict, slot, source) for k, source in enumerate(sources)]

    def release(self) -> None:
        """Let the workers forget rows and slots."""
        keys = [partition.here.key for partition in self.partitions]
        for partition in self.partitions:
            partition.lease = None
        self.client.run(held.release, keys)  # what dask has copied or spilled it does not let go by itself

    def _send(self, messages: Sequence[Message]) -> list[Any]:
        changes = _changes(*messages[0])

        def ask(k: int) -> Future:
            return self._submit(k, held.serve, self.start, [messages[k]], changes=changes)

        answers = self._answers(ask, range(len(self.partitions)))
        self.traffic.note(messages, answers)
        if changes:
            for partition, message in zip(self.partitions, messages, strict=True):
                partition.log.append(message)
        return answers

    def _submit(
        self, k: int, function: Callable[..., Any], *arguments: Any, seen: int | None = None, **named: Any
    ) -> Future:
        """A request to the worker that holds a shard, which tells it how many messages there were before."""
        partition = self.partitions[k]
        before = len(partition.log) if seen is None else seen
        return self.client.submit(
            function, partition.here.key, before, *arguments, **named,
            workers=[partition.here.address], allow_other_workers=False, pure=False, priority=_PRIORITY,
        )  # fmt: skip

    def _answers(self, ask: Callable[[int], Future], which: Iterable[int]) -> list[Any]:
        """The shards' answers; those of lost ones from where they come back."""
        asked, patience = {k: ask(k) for k in which}, _PATIENCE
        while True:
            try:
                answers = dict(zip(asked, self._gathered(list(asked.values()), patience), strict=True))
            except TimeoutError:
                alive, answers = self.client.nthreads(), {}
                lost = {k: -1 for k in asked if self.partitions[k].here.address not in alive}
                patience *= 2.0  # a long pass is asked about less and less often
            else:
                lost = {k: answer.seen for k, answer in answers.items() if isinstance(answer, Behind)}
            if not lost and answers:
                return list(answers.values())
            for k, seen in lost.items():
                asked[k].cancel()
                self._recover(k, seen)
                asked[k], patience = ask(k), _PATIENCE

    def _recover(self, k: int, seen: int) -> None:
        """Bring a shard back to where it was."""
        partition = self.partitions[k]
        if seen < 0:
            before = partition.here
            self._load(partition, None)
            self._settle([partition])
            if not np.array_equal(partition.here.tasks, before.tasks) or partition.here.n_rows != before.n_rows:
                raise RuntimeError(
                    f"partition {k} gave other rows when it was loaded again; its source must not change."
                )
            self.traffic.recovered += 1
        past = max(seen, 0)
        if partition.log[past:]:
            self._answers(lambda k: self._submit(k, held.serve, self.start, partition.log[past:], seen=past), [k])

    def _load(self, partition: Partition, place: str | None) -> None:
        """Have it loaded under a new name, at a place or wherever dask likes."""
        self._number += 1
        partition.place, workers = place, None if place is None else [place]
        partition.lease = self.client.submit(
            held.load, f"{self.name}-{self._number}", partition.source,
            workers=workers, allow_other_workers=place is not None, pure=False,
        )  # fmt: skip

    def _settle(self, partitions: Sequence[Partition]) -> None:
        """Wait until they are loaded.

        A task whose one worker is gone stays without any, though others were allowed: it is asked for again.
        """
        patience = _PATIENCE
        while True:
            told = self.client.map(held.about, [partition.lease for partition in partitions], pure=False)
            try:
                abouts = self._gathered(told, patience)
            except TimeoutError:
                alive, patience = self.client.nthreads(), 2.0 * patience
                for partition in partitions:
                    if partition.place is not None and partition.place not in alive:
                        self._load(partition, None)
            else:
                break
        for partition, about in zip(partitions, abouts, strict=True):
            partition.about = about

    def _gathered(self, futures: list[Future], patience: float) -> list[Any]:
        async def gather() -> Any:
            return await self.client.gather(futures, asynchronous=True)

        wait(futures, timeout=patience)
        # An answer may be lost on its way; to bring all weights here takes long.
        return list(self.client.sync(gather, callback_timeout=_FETCHING * patience))


def _changes(method: str, arguments: tuple[Any, ...]) -> bool:
    """Whether a request writes a slot: others need no answer again where a shard comes back."""
    return method not in _UNCHANGING and not (method == "evaluate" and arguments[-1] is None)


def _size(value: Any) -> int:
    return len(pickle.dumps(value, protocol=5))
