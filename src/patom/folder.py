"""A folder to write results to: locked while work is under way, left as it was found when nothing came of it."""

import os
from collections.abc import Sequence
from contextlib import suppress
from errno import EISDIR
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from patom.atomic import hidden_name, left_behind

LOCK, PROBE = ".patom.lock", ".patom.probe"  # the latter is no file of its own, but the name of a hidden one


class OutputFolder:
    """A folder that one process at a time writes to.

    Entering creates it (and its parents) and makes sure that it can be written; leaving removes what entering
    created, should it be empty. A lock or hidden files that a killed process left are no hindrance.

    Parameters
    ----------
    path : str or Path
    work : str
        What writes to it, for errors: "audit", "run".
    files : sequence of str
        Names of what will be written.

    Raises
    ------
    OSError
        Where the folder cannot be created or written, or another process holds it; the message is one sentence.
    """

    def __init__(self, path: str | Path, work: str, files: Sequence[str]) -> None:
        self.path = Path(path)
        self._work, self._files = work, files
        self._lock = FileLock(self.path / LOCK)
        self._created: list[Path] = []

    def __enter__(self) -> Self:
        try:
            self._created = [folder for folder in (self.path, *self.path.parents) if not os.path.exists(folder)]
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
            self._clear_the_way()
        except Timeout:
            raise OSError(
                f"Another {self._work} is writing to {self.path}; wait for it or choose another folder."
            ) from None
        except OSError as error:
            self._leave()
            raise OSError(f"The output folder {self.path} cannot be written: {error.strerror or error}.") from error
        except BaseException:  # Ctrl-C
            self._leave()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self._leave()

    def _clear_the_way(self) -> None:
        """Take away what a killed process left, and refuse now what could only fail at the end."""
        for left in left_behind(self.path, (*self._files, PROBE)):
            left.unlink()
        for name in self._files:
            if (self.path / name).is_dir():
                raise IsADirectoryError(EISDIR, f"{name} in it is a folder")
        probe = hidden_name(self.path / PROBE)
        probe.touch(exist_ok=False)
        probe.unlink()

    def _leave(self) -> None:
        """Unlock, and remove the folders that were created, should nothing be in them."""
        if self._lock.is_locked:
            with suppress(OSError):  # while it is held, so that nobody else's is taken away
                (self.path / LOCK).unlink()
            self._lock.release()
        for folder in self._created:
            with suppress(OSError):  # never made, or no longer empty
                folder.rmdir()
