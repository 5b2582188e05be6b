"""Compile loops with numba: serial for small work, parallel for large, machine code kept on disk.

**Parallel loops take turns.** Not every threading layer of numba's allows two threads to start parallel loops at once:
workqueue ends the process. GNU's OpenMP has no threads after a fork and ends the child, so that a pool of processes
waits for ever; a forked process therefore runs the serial versions.

**Machine code on disk.** In numba's own cache a file for each function lists numbered files of code. A list that is
empty or cut short raises at every call, and so does a full disk. Two processes that compile for two types of arrays at
the same time write the same number, a process that is killed between list and code leaves older code under a new entry,
and a function whose own file is unchanged keeps the code that it took from a function of another file. Here each file
holds one function for one signature and names both, with numba's version and a digest of the sources; a digest protects
its content. Any other file counts as missing and is replaced. A disk that is full or read-only costs time only.
"""

import hashlib
import io
import os
import pickle
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, wraps
from pathlib import Path
from threading import RLock
from types import FunctionType
from typing import Any, ParamSpec, TypeVar
from uuid import uuid4

import numba
from numba import njit, threading_layer  # type: ignore[attr-defined]
from numba.core.caching import CompileResultCacheImpl
from numba.core.serialize import dumps

from patom.core.solvers.choose import PARALLEL_WORK

Kernel = Callable[..., Any]
P = ParamSpec("P")
R = TypeVar("R")

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
    serial, parallel = _compile(kernel, parallel=False), _one_at_a_time(_compile(kernel, parallel=True))
    return lambda work: parallel if work > PARALLEL_WORK and _turn.allowed else serial


def compiled_serial(kernel: Kernel) -> Kernel:
    """Compile a kernel, or a function for kernels to call, for one thread.

    It holds no lock, so that several threads of the caller may each run one.
    """
    return _compile(kernel, parallel=False)


def compiled_exactly(kernel: Kernel) -> Kernel:
    """The same, but sums keep the order in which they are written, and a call from Python keeps the GIL."""
    return _compile(kernel, parallel=False, fastmath=False, nogil=False)


def inlined(kernel: Kernel) -> Kernel:
    """A function that is compiled into each function that calls it, by the caller's rules."""
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
        dispatcher._cache = _MachineCode(kernel)
    fast: Kernel = dispatcher
    return fast


def _renamed(kernel: Kernel, name: str) -> Kernel:
    assert isinstance(kernel, FunctionType)
    copy = FunctionType(kernel.__code__, kernel.__globals__, name, kernel.__defaults__, kernel.__closure__)
    copy.__qualname__, copy.__module__ = name, kernel.__module__
    return copy


class _Turn:
    """Which thread of this process runs parallel loops.

    None may (``allowed``) where the process was forked from one whose OpenMP had threads.
    """

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


def _one_at_a_time(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """The kernel, run by one thread of the caller's at a time; it uses all cores itself."""

    @wraps(kernel)
    def in_turn(*arguments: Any) -> Any:
        with _turn.lock:
            return kernel(*arguments)

    return in_turn


_DIGEST = hashlib.sha256().digest_size


@dataclass(frozen=True)
class _Files:
    """The files of one function's machine code."""

    folder: Path
    stem: str  # their names begin with it
    stamp: Any  # of the source file: numba's

    def load(self, key: Any) -> Any | None:
        """What was saved for a signature; None where nothing was, or the file is another."""
        try:
            content = self._path(key).read_bytes()
        except OSError:
            return None
        digest, body = content[:_DIGEST], content[_DIGEST:]
        if hashlib.sha256(body).digest() != digest:
            return None
        stream = io.BytesIO(body)
        heading = pickle.load(stream)
        return pickle.load(stream) if heading == self._heading(key) else None

    def save(self, key: Any, data: Any) -> None:
        """Write a whole file or none; OSError where that cannot be done."""
        body, path = dumps(self._heading(key)) + dumps(data), self._path(key)
        part = path.with_name(f"{path.name}.{uuid4().hex[:16]}.part")
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(hashlib.sha256(body).digest() + body)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)

    def flush(self) -> None:
        """Delete all."""
        for path in self.folder.glob(f"{self.stem}.*.nbc"):
            path.unlink(missing_ok=True)

    def _path(self, key: Any) -> Path:
        return self.folder / f"{self.stem}.{hashlib.sha256(repr(key).encode()).hexdigest()[:16]}.nbc"

    def _heading(self, key: Any) -> tuple[Any, ...]:
        return numba.__version__, self.stamp, _sources(), key


def _places() -> list[Any]:
    """Where numba looks for a folder, without the one named "~" that it makes where there is no home."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~")
    known: list[Any] = CompileResultCacheImpl._locator_classes
    return [place for place in known if os.path.isabs(home) or "UserWide" not in place.__name__]


class _Code(CompileResultCacheImpl):
    """Numba's own rules on what is kept of a function, and where."""

    _locator_classes = _places()


class _MachineCode:
    """The cache of one function, with the methods that numba's dispatcher calls.

    Raises RuntimeError where there is no folder that can be written.
    """

    def __init__(self, kernel: Callable[..., Any]) -> None:
        self._code = _Code(kernel)
        place = self._code.locator
        self._files = _Files(Path(place.get_cache_path()), self._code.filename_base, place.get_source_stamp())

    @property
    def cache_path(self) -> str:
        """The folder."""
        return str(self._files.folder)

    def load_overload(self, sig: Any, target_context: Any) -> Any | None:
        """The function compiled for a signature, None where there is none."""
        target_context.refresh()
        try:
            data = self._files.load((sig, target_context.codegen().magic_tuple()))
            return None if data is None else self._code.rebuild(target_context, data)
        except Exception:  # code of another version, say: nobody can list what reading it may raise
            return None

    def save_overload(self, sig: Any, compiled: Any) -> None:
        """Keep the function compiled for a signature, if the disk lets us."""
        if self._code.check_cachable(compiled):
            with suppress(OSError):
                self._files.save((sig, compiled.codegen.magic_tuple()), self._code.reduce(compiled))

    def flush(self) -> None:
        """Forget all signatures."""
        with suppress(OSError):
            self._files.flush()


@cache
def _sources() -> bytes:
    """A digest of the files that hold compiled functions or their constants: code may contain that of other files."""
    contents = [path.read_bytes() for path in sorted(Path(__file__).parent.rglob("*.py"))]
    marks = b"core.jit import", b"constants of compiled loops"
    return hashlib.sha256(b"".join(each for each in contents if any(mark in each for mark in marks))).digest()
