"""Compile loops with numba: serial for small work, parallel for large, cached on disk where a folder can be written."""

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from types import FunctionType
from typing import Any, ParamSpec, TypeVar

from numba import njit

from patom.core.machine_code import MachineCode
from patom.core.turns import may_run_parallel, one_at_a_time

Kernel = Callable[..., Any]
P = ParamSpec("P")
R = TypeVar("R")

PARALLEL_WORK = 4_000_000
"""Multiplications below which starting threads costs more than they save."""
_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "fastmath": {"reassoc", "contract"},
    "error_model": "numpy",  # a check before every division would keep loops from being vectorised
}


def compiled(kernel: Kernel) -> Callable[[int], Kernel]:
    """Compile a kernel of plain loops twice; the result maps an amount of work to the version to call.

    Sums may be reassociated so that they vectorise; NaN and infinity keep their meaning. Which version runs depends
    on the work alone, so results do not depend on the number of threads; a process that was forked from one whose
    OpenMP had threads runs the serial version always.
    """
    serial, parallel = _compile(kernel, parallel=False), one_at_a_time(_compile(kernel, parallel=True))
    return lambda work: parallel if work > PARALLEL_WORK and may_run_parallel() else serial


def compiled_serial(kernel: Kernel) -> Kernel:
    """Compile a kernel for one thread. It holds no lock: threads of the caller's may each run their own."""
    return _compile(kernel, parallel=False)


def called(kernel: Kernel) -> Kernel:
    """Compile a function for kernels to call, by the same rules; serial, as the work was shared out before."""
    return _compile(kernel, parallel=False)


def called_exactly(kernel: Kernel) -> Kernel:
    """The same, but sums are taken in the order that they are written in, and called from Python it keeps the lock."""
    return _compile(kernel, parallel=False, fastmath=False, nogil=False)


def inlined(kernel: Kernel) -> Kernel:
    """A function that is compiled as a part of each that calls it, by that one's rules."""
    return _compile(kernel, parallel=False, inline="always")


def interruptible(function: Callable[P, R]) -> Callable[P, R]:
    """Raise what a signal's handler raised, as Python does, where the signal came in compiled code.

    Code that returns an array calls Python to make it. An exception that a handler raises there, KeyboardInterrupt for
    Ctrl-C, leaves the code as the cause of a SystemError, or of several after one another.

    >>> @interruptible
    ... def stopped():
    ...     raise SystemError("returned a result with an exception set") from TimeoutError("of the handler's")
    >>> stopped()
    Traceback (most recent call last):
        ...
    TimeoutError: of the handler's
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except SystemError as error:
            cause: BaseException | None = error
            while isinstance(cause, SystemError):
                cause = cause.__cause__
            if cause is None:
                raise
            raise cause from None

    return call


def _compile(kernel: Kernel, *, parallel: bool, **options: Any) -> Kernel:
    if parallel:  # files of machine code are named by the kernel's name, and would mix up the two versions of one
        kernel = _renamed(kernel, f"{kernel.__qualname__}_parallel")
    dispatcher = njit(parallel=parallel, **_OPTIONS | options)(kernel)
    with suppress(RuntimeError, OSError):  # no folder for it: a read-only installation without a home
        dispatcher._cache = MachineCode(kernel)
    fast: Kernel = dispatcher
    return fast


def _renamed(kernel: Kernel, name: str) -> Kernel:
    assert isinstance(kernel, FunctionType)
    copy = FunctionType(kernel.__code__, kernel.__globals__, name, kernel.__defaults__, kernel.__closure__)
    copy.__qualname__, copy.__module__ = name, kernel.__module__
    return copy
