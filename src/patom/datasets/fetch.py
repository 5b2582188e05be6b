"""The data home: files that are there and right are read, others are fetched, checked and only then put in place.

A fetch writes to a hidden part file beside its target, and continues one that was cut off. The complete part is renamed
if its sha256 is the published one, and else removed: whatever happens, an existing file stays until a right one
replaces it.
"""

import errno
import gzip
import hashlib
import os
import socket
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from io import BytesIO
from pathlib import Path
from typing import Any

import pooch
import requests
from filelock import FileLock
from scipy.io import loadmat

from patom.datasets.sources import RemoteFile, Source

Progress = Callable[[int, int], object]
"""Called with the number of bytes fetched so far and the number in all."""

CONNECT_SECONDS, SILENCE_SECONDS = 15, 60
BLOCK = 1 << 16
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
    """The state of one file, as `verify` has it."""
    path = home / file.name
    if not path.exists():
        return FileState.MISSING
    return FileState.WRONG if _content(file, path) is None else FileState.RIGHT


def require(file: RemoteFile, home: Path, *, progress: Progress | None = None) -> Path:
    """Make sure that a file is in the data home, fetching it if it is missing or wrong; returns its path.

    Takes, raises and costs what `read_file` does.

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
        The file is not there and cannot be fetched: no connection, an answer that is an error, a fetch cut off, another
        checksum, a folder that can't be written, a full disk. An existing file is left as it was.

    Notes
    -----
    Only one process fetches a file at a time; others wait and then find it there. A fetch fails when connecting takes
    more than 15 seconds or the server sends nothing for 60.

    Examples
    --------
    >>> len(read_file(SOURCES["landmine"].files[0], data_home()))  # doctest: +SKIP
    1085456
    """
    path = home / file.name
    content = _content(file, path)
    if content is None and not file.url:
        what = "there, but its sha256 is another" if path.exists() else "missing"
        raise FileNotFoundError(f"{path} is {what}, and it is not published, so that it cannot be fetched.")
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
    """The arrays of a MATLAB file of the data home, by name.

    Raises ValueError if it is no MATLAB file, OSError as `read_file` does.
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
    """Hold the lock on a file. The lock's own file is not removed: two processes could then hold a lock each."""
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
    part = path.with_name(f".{path.name}.part")
    try:
        _complete(file, part, progress)
        os.replace(part, path)
    except (OSError, ValueError) as error:
        what, remedy = explain(error, file, part)
        place = f"or put the file with sha256 {file.sha256} at {path} yourself"
        raise OSError(f"{file.name} could not be fetched from {file.url}: {what}; {remedy}, {place}.") from error


def _complete(file: RemoteFile, part: Path, progress: Progress | None) -> None:
    """Fetch what the part lacks; begin again where the server cannot continue it or it belongs to another file.

    ValueError if all bytes came and have another sha256: they are removed.
    """
    offset = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"}  # a fetch cannot be continued where a host compresses what it sends
    if offset:
        headers["Range"] = f"bytes={offset}-"
    with requests.get(file.url, headers=headers, stream=True, timeout=(CONNECT_SECONDS, SILENCE_SECONDS)) as response:
        continued = offset > 0 and response.status_code == requests.codes.partial_content
        there = response.headers.get("Content-Range", "").startswith(f"bytes {offset}-")
        refused = offset > 0 and response.status_code == requests.codes.requested_range_not_satisfiable
        if not (refused or (continued and not there)):
            response.raise_for_status()
            _append(response, part, offset if continued else 0, file.size, progress)
            if pooch.file_hash(part) == file.sha256:
                return
    part.unlink()
    if not (refused or continued):
        raise ValueError("another sha256")
    _complete(file, part, progress)


def _append(response: requests.Response, part: Path, done: int, total: int, progress: Progress | None) -> None:
    """Write an answer to the part, after the bytes that it holds; ``total`` is for a server that sends no length."""
    headers = response.headers
    if "Content-Length" in headers and headers.get("Content-Encoding", "identity") == "identity":
        total = done + int(headers["Content-Length"])
    with open(part, "ab" if done else "wb") as file:
        for block in response.iter_content(BLOCK):
            file.write(block)
            done += len(block)
            if progress is not None:
                progress(done, total)
        file.flush()
        os.fsync(file.fileno())
    if done < total:
        raise requests.exceptions.ChunkedEncodingError("fewer bytes than announced")


def explain(error: Exception, file: RemoteFile, part: Path) -> tuple[str, str]:
    """The words for a fetch that failed: what went wrong, and what to do about it.

    >>> file = RemoteFile("a/b.mat", "http://localhost/b.mat", "00", 1)
    >>> explain(requests.Timeout(), file, Path("/data/a/.b.mat.part"))
    ('the connection was cut off or silent, with 0 of 1 bytes there', 'try again to fetch the rest')
    """
    causes = list(_chain(error))
    there = f"with {part.stat().st_size if part.is_file() else 0:,} of {file.size:,} bytes there"
    if isinstance(error, requests.HTTPError) and error.response is not None:
        found = f"the server answered {error.response.status_code} {error.response.reason}", "try again later"
    elif any(isinstance(cause, socket.gaierror) for cause in causes):
        found = "its host's name could not be looked up", "check the network"
    elif any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        found = "the connection was refused", "check the network or try again later"
    elif isinstance(error, requests.ConnectionError | requests.Timeout | requests.exceptions.ChunkedEncodingError):
        found = f"the connection was cut off or silent, {there}", "try again to fetch the rest"
    elif isinstance(error, requests.RequestException):
        found = " ".join(str(error).split()), "check the address and the network"
    elif isinstance(error, ValueError):
        found = (
            f"the bytes that came don't have the published sha256 {file.sha256} and were dropped",
            "try again in case something on the way changed them",
        )
    elif isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        found = f"the disk is full {there}", "make room and try again"
    else:
        found = f"{part.parent} can't be written ({getattr(error, 'strerror', None) or error})", "change that"
    return found


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
