"""Parallel loops take turns, and leave a forked process alone.

Not every threading layer of numba's stands two threads that start parallel loops at once: workqueue ends the process.
GNU's OpenMP has no threads after a fork and ends the child, so that a pool of processes waits for ever.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from threading import RLock
from typing import Any

from numba import threading_layer  # type: ignore[attr-defined]


class _Turn:
    """Of this process: who runs parallel loops, and whether anybody may."""

    def __init__(self) -> None:
        self.lock = RLock()  # a signal's handler may come in where its own thread is about to leave
        self.allowed = True

    def after_fork(self) -> None:
        """In the child: a thread that held the lock is gone, and so are OpenMP's if the parent had started them."""
        self.lock = RLock()
        with suppress(ValueError):  # none was started so far
            self.allowed = self.allowed and threading_layer() != "omp"


_turn = _Turn()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_turn.after_fork)


def may_run_parallel() -> bool:
    """Whether this process can run parallel loops: not if it was forked from one whose OpenMP had threads."""
    return _turn.allowed


def one_at_a_time(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """The kernel, run by one thread of the caller's at a time; it uses all cores itself."""

    @wraps(kernel)
    def in_turn(*arguments: Any) -> Any:
        with _turn.lock:
            return kernel(*arguments)

    return in_turn
