"""The shards of a fit on the workers of a dask cluster, and the errors of a partition that fails there."""

import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any
from uuid import uuid4

import numpy as np
from distributed import Client, Future, KilledWorker, wait

from patom.cluster import LOST, MOST_PATIENCE, PATIENCE, Watch
from patom.core.arrays import FloatArray, IntArray
from patom.core.solvers.sharded.shard import Sums
from patom.distributed import held
from patom.distributed.held import About, Behind, Message

_FETCHING = 120.0
"""The fetching of finished answers may take so many times the wait for them."""
_FORGETTING = 10.0
"""Seconds to wait until the workers have forgotten the rows; one that does not answer keeps them for longer."""
_DEATHS = 4
"""Workers that a partition may cost in turn, without an answer in between; dask allows as many for a task."""
_PRIORITY = 10
"""Of requests, above that of a grid's cells on the same cluster."""
_ABOUT = attrgetter("about")
_UNCHANGING = ("value_without_weights", "largest_curvature", "mean_square", "gram")


@dataclass
class Traffic:
    """The traffic of a fit, as the bytes of the pickled messages.

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
    """One shard as the driver knows it: its source, its planned and its real place, and every message that changed it.

    ``deaths`` counts the workers that were lost with it since its last answer.
    """

    source: Any
    place: str | None = None
    lease: Future | None = None
    about: About | None = None
    deaths: int = 0
    log: list[Message] = field(default_factory=list)

    @property
    def here(self) -> About:
        """Where it is and what it holds."""
        assert self.about is not None
        return self.about


class DaskShards:
    """Shards in worker processes; see ``core.solvers.sharded.shard.Shards``.

    Each of the ``sources`` gives a partition's rows: a callable, or a future of (X, y, task). ``worker_timeout`` is how
    many seconds to wait for a worker while there is none, by default ``cluster.WORKER_SECONDS``. Every request may
    raise a ConnectionError, if the scheduler is gone or has no worker for too long, or a ChildProcessError, if several
    workers in turn died with one partition.

    A request is a dask task that is bound to the worker that holds the shard. If that worker is gone, or has forgotten
    the shard, the rows are loaded again, on a worker that dask chooses, and the shard gets all messages since the
    start, which gives the same bits on a processor of the same kind. Messages and answers have the size of a few (p, p)
    matrices at most.
    """

    def __init__(self, client: Client, sources: Sequence[Any], worker_timeout: float | None = None) -> None:
        self.client, self.name = client, f"patom-{uuid4().hex[:12]}"
        self._watch, self._open = Watch(client, worker_timeout), True
        self.partitions = [Partition(source) for source in sources]
        self.traffic = Traffic()
        self.start: tuple[Any, ...] = ()
        self._number = 0
        threads = self._watch.some_threads()
        places = [address for address, count in sorted(threads.items()) for _ in range(max(1, count))]
        for k in range(len(self.partitions)):  # in the order of the workers, as many as they have threads
            self._load(k, places[k * len(places) // len(self.partitions)])
        self._settle(range(len(self.partitions)))

    @property
    def abouts(self) -> list[About]:
        """What each partition holds, in their order."""
        return [partition.here for partition in self.partitions]

    @property
    def shape(self) -> tuple[int, int]:
        """(m, p) of all tasks together."""
        return sum(about.tasks.size for about in self.abouts), self.abouts[0].n_features + 1

    @property
    def n_rows(self) -> int:
        """Rows of all tasks together."""
        return sum(about.n_rows for about in self.abouts)

    @property
    def bounds(self) -> IntArray:
        """Where each shard's tasks begin among all, and m."""
        return np.concatenate([[0], np.cumsum([about.tasks.size for about in self.abouts])])

    def reduce(self, method: str, *arguments: Any) -> list[Sums]:
        """What the method of that name of ``Shard`` returns for each shard, in their order."""
        return self._send([(method, arguments)] * len(self.partitions))

    def write(self, slot: int, W: FloatArray | None) -> None:
        """Fill a slot of every shard from the rows of W, shape (m, p), or with zeros."""
        parts = [None] * len(self.partitions) if W is None else np.split(W, self.bounds[1:-1])
        self._send([("write", (slot, part)) for part in parts])

    def read(self, slot: int) -> Any:
        """The slot itself: the weights stay where they are."""
        return slot

    def gather(self, slot: int, rows: Sequence[IntArray | None] | None = None) -> list[FloatArray]:
        """A slot's rows from each shard: all, or those at these positions within it."""
        wanted = [None] * len(self.partitions) if rows is None else rows

        def ask(k: int) -> Future:
            return self._submit(k, held.read, slot, wanted[k])

        return self._answers(ask, range(len(self.partitions)))

    def predict(self, slot: int, sources: Sequence[Any]) -> list[Any]:
        """A future of each source's predictions by the weights in a slot."""
        self.gather(slot, [np.zeros(0, dtype=np.int64)] * len(sources))  # brings lost shards back
        return [
            self.client.submit(
                held.predict, k, partition.here.key, slot, source,
                workers=[partition.here.address], pure=False, priority=_PRIORITY,
                allow_other_workers=True,  # so that another worker can report that the one with the weights is gone
            )
            for k, (partition, source) in enumerate(zip(self.partitions, sources, strict=True))
        ]  # fmt: skip

    def release(self) -> None:
        """Let the workers forget rows and slots; a cluster that is gone has forgotten."""
        keys = [partition.about.key for partition in self.partitions if partition.about is not None]
        self._open = False
        for partition in self.partitions:
            partition.lease = None
        with suppress(Exception, *LOST):  # dask does not release by itself what it has copied or spilled
            self.client.run(held.release, keys, on_error="ignore", callback_timeout=_FORGETTING)

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
        """A request to the worker that holds a shard; it names the number of messages before it."""
        partition = self.partitions[k]
        before = len(partition.log) if seen is None else seen
        return self.client.submit(
            function, partition.here.key, before, *arguments, **named,
            workers=[partition.here.address], allow_other_workers=False, pure=False, priority=_PRIORITY,
        )  # fmt: skip

    def _answers(self, ask: Callable[[int], Future], which: Iterable[int]) -> list[Any]:
        """The shards' answers; lost shards are first loaded again."""
        if not self._open:
            raise ValueError("The fit is closed, and the workers have forgotten it; ask before it is closed.")
        answers = self._asked(ask, which)
        for partition in self.partitions:
            partition.deaths = 0
        return answers

    def _asked(self, ask: Callable[[int], Future], which: Iterable[int]) -> list[Any]:
        asked, patience = {k: ask(k) for k in which}, PATIENCE
        while True:
            try:
                answers = self._gathered(asked, patience)
            except TimeoutError:
                alive, answers = self._watch.threads(), {}
                lost = {k: -1 for k in asked if self.partitions[k].here.address not in alive}
                patience = min(2.0 * patience, MOST_PATIENCE)  # during a long pass the checks become rarer
            else:
                lost = {k: answer.seen for k, answer in answers.items() if isinstance(answer, Behind)}
            if not lost and answers:
                return list(answers.values())
            for k, seen in lost.items():
                asked[k].cancel()
                self._recover(k, seen)
                asked[k], patience = ask(k), PATIENCE

    def _recover(self, k: int, seen: int) -> None:
        """Bring a shard back to its last state."""
        partition = self.partitions[k]
        if seen < 0:
            before = partition.here
            partition.deaths += 1
            if partition.deaths >= _DEATHS:
                raise _died(k, _DEATHS)
            self._load(k, None)
            self._settle([k])
            if not np.array_equal(partition.here.tasks, before.tasks) or partition.here.n_rows != before.n_rows:
                raise RuntimeError(
                    f"partition {k} gave other rows when it was loaded again; its source must not change."
                )
            self.traffic.recovered += 1
        past = max(seen, 0)
        if partition.log[past:]:
            self._asked(lambda k: self._submit(k, held.serve, self.start, partition.log[past:], seen=past), [k])

    def _load(self, k: int, place: str | None) -> None:
        """Have it loaded under a new name, on a given worker or on one that dask chooses."""
        self._number += 1
        partition, workers = self.partitions[k], None if place is None else [place]
        partition.place = place
        partition.lease = self.client.submit(
            held.load, f"{self.name}-{self._number}", partition.source,
            workers=workers, allow_other_workers=place is not None, pure=False,
        )  # fmt: skip

    def _settle(self, which: Iterable[int]) -> None:
        """Wait until they are loaded.

        A dask task whose only worker is gone is not run on another, though others are allowed: it is submitted again.
        """
        patience, partitions = PATIENCE, {k: self.partitions[k] for k in which}
        while True:
            asked = {k: self.client.submit(_ABOUT, each.lease, pure=False) for k, each in partitions.items()}
            try:
                abouts = self._gathered(asked, patience)
            except TimeoutError:
                alive, patience = self._watch.threads(), min(2.0 * patience, MOST_PATIENCE)
                for k, partition in partitions.items():
                    if partition.place is not None and partition.place not in alive:
                        self._load(k, None)
            else:
                break
        for k, about in abouts.items():
            self.partitions[k].about = about

    def _gathered(self, asked: dict[int, Future], patience: float) -> dict[int, Any]:
        """Answers by partition; TimeoutError where they take longer."""
        futures = list(asked.values())

        async def gather() -> Any:
            return await self.client.gather(futures, errors="skip", asynchronous=True)

        try:
            wait(futures, timeout=patience)
            # A limit, since an answer may be lost on its way; a long one, since fetching all weights takes long.
            answers = list(self.client.sync(gather, callback_timeout=_FETCHING * patience))
        except LOST as error:
            _refuse_failed({k: self.partitions[k].lease for k in asked})
            raise self._watch.lost(type(error).__name__) from None
        _refuse_failed(asked)
        return dict(zip(asked, answers, strict=True))


def _changes(method: str, arguments: tuple[Any, ...]) -> bool:
    """Whether a request writes a slot; a shard that is loaded again does not need the other requests."""
    return method not in _UNCHANGING and not (method == "evaluate" and arguments[-1] is None)


def _size(value: Any) -> int:
    return len(pickle.dumps(value, protocol=5))


def _refuse_failed(asked: Mapping[int, Future | None]) -> None:
    """Raise the error of the first partition whose request failed, if there is one."""
    for k, future in asked.items():
        if future is not None and future.status == "error":
            raise _named(k, future.exception())


def _died(k: int, workers: int) -> ChildProcessError:
    """The error for a partition with which so many workers died in turn."""
    return ChildProcessError(
        f"Partition {k}: {workers} workers in turn were ended from outside while they held it, as happens when memory "
        "runs out; smaller partitions, or workers with more memory, help."
    )


def _named(k: int, error: BaseException) -> BaseException:
    """The error with its partition: in its sentence if it is about the rows, otherwise in a note below it."""
    if isinstance(error, KilledWorker):
        return _died(k, error.allowed_failures + 1)
    if type(error) in (ValueError, TypeError, ChildProcessError):
        named: BaseException = type(error)(f"Partition {k}: {error}")
        named.__cause__ = error
        return named
    error.add_note(f"Raised for partition {k} of fit_distributed.")
    return error
