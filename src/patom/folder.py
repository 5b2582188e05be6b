"""A folder for results: locked during the work, and left as it was before if nothing was written."""

import os
import platform
import re
from collections.abc import Sequence
from contextlib import suppress
from errno import EISDIR, ELOOP
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from filelock import FileLock, Timeout

from patom.atomic import hidden_name, left_behind

LOCK, PROBE = ".patom.lock", ".patom.probe"  # the probe is the name of a hidden file
_SIGNED = re.compile(r"(?P<work>[a-z]{1,20}) (?P<pid>[1-9][0-9]{0,9}) (?P<host>[\w.-]{1,255})\n", re.ASCII)
_AS_IT_IS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # the lock must be neither a link nor a pipe


class OutputFolder:
    """A folder that one process at a time writes to; its lock names the process.

    Entering creates it (and its parents) and checks that it can be written; leaving removes the folders that entering
    created, if they are empty. A lock or hidden files of a killed process do not prevent entering.

    ``work`` is the work that writes to it, for errors ("audit", "run"), and ``files`` are the names of the files that
    will be written. A folder that cannot be created or written, or that another process holds, is an OSError whose
    message is one sentence.
    """

    def __init__(self, path: str | Path, work: str, files: Sequence[str]) -> None:
        self.path = Path(path)
        self._work, self._files = work, files
        self._lock = FileLock(self.path / LOCK)
        self._created: list[Path] = []

    def __enter__(self) -> Self:
        before = _holder(self.path / LOCK)  # some versions of filelock empty the file when they try
        try:
            self._created = [folder for folder in (self.path, *self.path.parents) if not os.path.exists(folder)]
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
            _sign(self.path / LOCK, self._work)
            self._clear_the_way()
        except Timeout:
            who, process = self._described(_holder(self.path / LOCK) or before)
            raise OSError(f"{who} is writing to {self.path}; wait for it or choose another folder{process}.") from None
        except OSError as error:
            self._leave()
            raise OSError(f"The output folder {self.path} cannot be written: {self._why(error)}.") from error
        except BaseException:  # Ctrl-C
            self._leave()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self._leave()

    def _why(self, error: OSError) -> str:
        """The reason, also if it is the lock: a link could empty another file, so none is followed."""
        lock = self.path / LOCK
        if error.errno == ELOOP and lock.is_symlink():
            return f"{LOCK} in it is a link to another file; remove it"
        if error.errno == EISDIR and lock.is_dir():
            return f"{LOCK} in it is a folder; remove it"
        return error.strerror or str(error)

    def _described(self, holder: "Holder | None") -> tuple[str, str]:
        """The work that holds the lock, and its process, in words, as far as known."""
        if holder is None:
            return "Another process", ""
        article = "Another" if holder.work == self._work else "An" if holder.work[0] in "aeiou" else "A"
        elsewhere = f" on {holder.host}" if holder.host != platform.node() else ""
        return f"{article} {holder.work}", f" (it is process {holder.pid}{elsewhere})"

    def _clear_the_way(self) -> None:
        """Remove what a killed process left, and refuse now what would fail at the end."""
        for left in left_behind(self.path, (*self._files, PROBE)):
            left.unlink()
        for name in self._files:
            if (self.path / name).is_dir():
                raise IsADirectoryError(EISDIR, f"{name} in it is a folder")
        probe = hidden_name(self.path / PROBE)
        probe.touch(exist_ok=False)
        probe.unlink()

    def _leave(self) -> None:
        """Unlock, and remove the folders that were created, if they are empty."""
        if self._lock.is_locked:
            with suppress(OSError):  # while it is held, so that no other process's lock is removed
                (self.path / LOCK).unlink()
            self._lock.release()
        for folder in self._created:
            with suppress(OSError):  # never made, or no longer empty
                folder.rmdir()


class Holder(NamedTuple):
    """The work, process and host that a lock names."""

    work: str
    pid: int
    host: str


def _sign(lock: Path, work: str) -> None:
    """Write the holder into a lock that is held; a file with other contents is not changed."""
    with suppress(OSError), os.fdopen(os.open(lock, os.O_RDWR | _AS_IT_IS), "r+b") as file:
        if not (left := file.read(300)) or _SIGNED.fullmatch(left.decode("latin-1")):  # of a process that was killed
            file.seek(0)
            file.truncate()
            file.write(f"{work} {os.getpid()} {platform.node()}\n".encode())


def _holder(lock: Path) -> Holder | None:
    """The holder that a lock names, if it still runs as far as this host can tell."""
    try:
        with os.fdopen(os.open(lock, os.O_RDONLY | _AS_IT_IS), "rb") as file:
            signed = _SIGNED.fullmatch(file.read(300).decode("latin-1"))
    except OSError:  # no lock, or one that others cannot read while it is held, as on Windows
        return None
    if signed is None:
        return None
    holder = Holder(signed["work"], int(signed["pid"]), signed["host"])
    return holder if holder.host != platform.node() or _runs(holder.pid) else None


def _runs(pid: int) -> bool:
    if os.name != "posix":  # there, signal 0 would be sent
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # a process of another user
        return True
    return True
