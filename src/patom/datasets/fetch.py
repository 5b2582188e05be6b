"""The data home: files that are there and right are read, others are fetched, checked and only then put in place.

A fetch writes to a hidden part file beside its target; see `patom.datasets.download`. The whole part goes to pooch,
which compares its sha256 with the published one and renames it, or removes it: whatever happens, a file that was there
before stays until a right one replaces it.
"""

import gzip
import hashlib
import logging
import os
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from io import BytesIO
from pathlib import Path
from typing import Any

import pooch
from filelock import FileLock
from scipy.io import loadmat

from patom.datasets.download import Progress, ResumingDownloader, explain
from patom.datasets.sources import RemoteFile, Source

_SPARE, _RATIO = 2**20, 20
"""Bytes that a gzip file may hold whatever the published size, and beyond them how many for each of its bytes."""


class FileState(Enum):
    """What is known about a file of a data home; the value is a sentence."""

    MISSING = "The file is not there."
    RIGHT = "The file is there and has the published content."
    WRONG = "The file is there, but its content is not the published one."


def data_home(path: str | Path | None = None) -> Path:
    """Choose the folder that keeps fetched data.

    Parameters
    ----------
    path : path, optional
        Default: the environment variable PATOM_DATA_HOME, else the user's cache folder.

    Returns
    -------
    Path
        Absolute; it need not exist.

    Examples
    --------
    >>> data_home("/data/sets")
    PosixPath('/data/sets')
    """
    chosen = path if path is not None else os.environ.get("PATOM_DATA_HOME") or pooch.os_cache("patom")
    return Path(chosen).expanduser().absolute()


def verify(source: Source, home: Path) -> dict[str, FileState]:
    """Look at every file of a data set, without a network and without writing.

    Parameters
    ----------
    source : Source
    home : Path

    Returns
    -------
    dict
        State by file name. Costs reading and hashing what is there.

    Raises
    ------
    OSError
        A file can't be read.

    Examples
    --------
    >>> from patom.datasets.sources import SOURCES
    >>> verify(SOURCES["landmine"], Path("/nowhere"))["landmine/LandmineData.mat"].value
    'The file is not there.'
    """
    return {file.name: file_state(file, home) for file in source.files}


def file_state(file: RemoteFile, home: Path) -> FileState:
    """Look at one file, as `verify` does.

    Examples
    --------
    >>> file_state(RemoteFile("a/b.mat", "http://localhost/b.mat", "00", 1), Path("/nowhere")).name
    'MISSING'
    """
    path = home / file.name
    if not path.exists():
        return FileState.MISSING
    return FileState.WRONG if _content(file, path) is None else FileState.RIGHT


def require(file: RemoteFile, home: Path, *, progress: Progress | None = None) -> Path:
    """Make sure that a file is in the data home, fetching it if it is missing or wrong.

    Takes, raises and costs what `read_file` does.

    Returns
    -------
    Path
        Of the right file.

    Examples
    --------
    >>> require(SOURCES["landmine"].files[0], data_home())  # doctest: +SKIP
    PosixPath('/home/user/.cache/patom/landmine/LandmineData.mat')
    """
    read_file(file, home, progress=progress)
    return home / file.name


def read_file(file: RemoteFile, home: Path, *, progress: Progress | None = None) -> bytes:
    """Read a file of the data home, fetching it first if it is missing or wrong.

    A file that is right is only read: nothing is written, so the data home may be read-only.

    Parameters
    ----------
    file : RemoteFile
    home : Path
        The data home, created if need be.
    progress : callable, optional
        Called with (bytes done, bytes in all) after every block of a fetch.

    Returns
    -------
    bytes
        The very bytes that were checked; of a gzip file what it holds.

    Raises
    ------
    OSError
        The file is neither there nor to be had: no connection, an answer that is an error, a fetch cut off, another
        checksum, a folder that can't be written, a full disk. One sentence; an earlier file is left as it was.

    Notes
    -----
    Only one process fetches a file at a time; others wait and then find it there. Connecting may take 15 seconds
    and the server be silent for 60.

    Examples
    --------
    >>> len(read_file(SOURCES["landmine"].files[0], data_home()))  # doctest: +SKIP
    1085456
    """
    path = home / file.name
    content = _content(file, path)
    if content is None:
        with _one_at_a_time(file, path):
            content = _content(file, path)  # another process may have brought it
            if content is None:
                _fetch(file, path, progress)
                content = _content(file, path)
    if content is None:
        raise OSError(f"{path} was fetched and then changed by somebody else; fetch it again.")
    return content


def read_mat(file: RemoteFile, home: Path) -> dict[str, Any]:
    """Read the arrays of a MATLAB file of the data home, as `read_file` reads its bytes.

    Returns
    -------
    dict
        Arrays by name.

    Raises
    ------
    ValueError
        It is no MATLAB file.
    OSError
        As `read_file`.

    Examples
    --------
    >>> sorted(read_mat(SOURCES["landmine"].files[0], data_home()))  # doctest: +SKIP
    ['feature', 'label']
    """
    content = read_file(file, home)
    try:
        arrays = loadmat(BytesIO(content))  # type: ignore[arg-type]  # its stubs know of names only
    except Exception as error:  # scipy raises many kinds for what it can't read
        raise ValueError(f"{file.name} can't be read as a MATLAB file: {' '.join(str(error).split())}") from error
    return {name: array for name, array in arrays.items() if not name.startswith("__")}


def _content(file: RemoteFile, path: Path) -> bytes | None:
    """What a right file holds; None where it is missing or wrong."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OSError(f"{path} can't be read: {error.strerror}; remove it or choose another data home.") from error
    published = hashlib.sha256(raw).hexdigest() == file.sha256
    if file.unpacked_sha256 is None:
        return raw if published else None
    most = _SPARE + _RATIO * file.size
    try:
        with gzip.GzipFile(fileobj=BytesIO(raw)) as packed:
            unpacked = packed.read(most + 1)
    except (OSError, EOFError, zlib.error):
        return None
    if len(unpacked) > most:
        return None
    return unpacked if published or hashlib.sha256(unpacked).hexdigest() == file.unpacked_sha256 else None


@contextmanager
def _one_at_a_time(file: RemoteFile, path: Path) -> Iterator[None]:
    """Hold the lock on a file; the lock's own file stays, as removing it could give two processes a lock each."""
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        raise OSError(
            f"{file.name} is not in the data home, and the folder {path.parent} to keep it in can't be written: "
            f"{error.strerror or error}; choose another data home with PATOM_DATA_HOME."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _fetch(file: RemoteFile, path: Path, progress: Progress | None) -> None:
    download = ResumingDownloader(path.with_name(f".{path.name}.part"), file.size, progress)

    def retrieve() -> None:
        pooch.retrieve(file.url, f"sha256:{file.sha256}", fname=path.name, path=path.parent, downloader=download)

    try:
        with _quiet(pooch.get_logger()):
            try:
                retrieve()
            except ValueError:
                if not download.resumed:
                    raise
                retrieve()  # the part was of something else; it is gone, so this begins at the start
    except (OSError, ValueError) as error:
        what, remedy = explain(error, file, download)
        place = f"or put the file with sha256 {file.sha256} at {path} yourself"
        raise OSError(f"{file.name} could not be fetched from {file.url}: {what}; {remedy}, {place}.") from error


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Drop what this thread logs; its level stays, as other threads and callers have their own use for it."""
    here = threading.get_ident()

    def others(record: logging.LogRecord) -> bool:
        return record.thread != here

    logger.addFilter(others)
    try:
        yield
    finally:
        logger.removeFilter(others)
