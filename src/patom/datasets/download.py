"""Fetching one file over HTTP, from where an earlier fetch was cut off, and what to say when that fails."""

import errno
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import requests

from patom.datasets.sources import RemoteFile

Progress = Callable[[int, int], object]
"""Called with the number of bytes that are there and the number in all."""

CONNECT_SECONDS, SILENCE_SECONDS = 15, 60
BLOCK = 1 << 16


class ResumingDownloader:
    """Fetch to a part file, from where an earlier fetch was cut off; pooch calls it and then checks the sum.

    Parameters
    ----------
    part : Path
        Kept when the fetch is cut off, moved to pooch's file when it is whole.
    size : int
        Expected number of bytes, for a server that doesn't say.
    progress : callable, optional

    Examples
    --------
    >>> ResumingDownloader(Path("/data/.a.mat.part"), 100).resumed
    False
    """

    def __init__(self, part: Path, size: int, progress: Progress | None = None) -> None:
        self.part, self.total, self.progress = part, size, progress
        self.resumed = False

    def __call__(self, url: str, output_file: str, _pooch: object) -> None:
        """Fetch ``url`` and move it to ``output_file``."""
        with self._request(url, self.part.stat().st_size if self.part.exists() else 0) as response:
            self.resumed = response.status_code == requests.codes.partial_content
            with open(self.part, "ab" if self.resumed else "wb") as file:
                done = file.tell()
                headers = response.headers
                if "Content-Length" in headers and headers.get("Content-Encoding", "identity") == "identity":
                    self.total = done + int(headers["Content-Length"])
                for block in response.iter_content(BLOCK):
                    file.write(block)
                    done += len(block)
                    if self.progress is not None:
                        self.progress(done, self.total)
                file.flush()
                os.fsync(file.fileno())
        if done < self.total:
            raise requests.exceptions.ChunkedEncodingError("fewer bytes than announced")
        os.replace(self.part, output_file)

    def _request(self, url: str, offset: int) -> requests.Response:
        """Ask for what is missing; for all of it when the server can't go on from there."""
        headers = {"Accept-Encoding": "identity"}  # some hosts compress on the wire, which no range could go on with
        if offset:
            headers["Range"] = f"bytes={offset}-"
        response = requests.get(url, headers=headers, stream=True, timeout=(CONNECT_SECONDS, SILENCE_SECONDS))
        unusable = response.status_code == requests.codes.requested_range_not_satisfiable or (
            response.status_code == requests.codes.partial_content
            and not response.headers.get("Content-Range", "").startswith(f"bytes {offset}-")
        )
        if offset and unusable:
            response.close()
            return self._request(url, 0)
        if not response.ok:
            response.close()
        response.raise_for_status()
        return response


def explain(error: Exception, file: RemoteFile, download: ResumingDownloader) -> tuple[str, str]:
    """Find the words for a fetch that failed: what went wrong, and what to do about it.

    Examples
    --------
    >>> file = RemoteFile("a/b.mat", "http://localhost/b.mat", "00", 1)
    >>> explain(requests.Timeout(), file, ResumingDownloader(Path("/data/a/.b.mat.part"), 1))[0]
    'the connection was cut off or silent, with 0 of 1 bytes there'
    """
    causes = list(_chain(error))
    kept = download.part.stat().st_size if download.part.is_file() else 0
    answer: Any = getattr(error, "response", None)
    if isinstance(error, requests.HTTPError) and answer is not None:
        found = f"the server answered {answer.status_code} {answer.reason}", "try again later"
    elif any(isinstance(cause, socket.gaierror) for cause in causes):
        found = "its host's name could not be looked up", "check the network"
    elif any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        found = "the connection was refused", "check the network or try again later"
    elif isinstance(error, requests.ConnectionError | requests.Timeout | requests.exceptions.ChunkedEncodingError):
        found = (
            f"the connection was cut off or silent, with {kept:,} of {download.total:,} bytes there",
            "try again to fetch the rest",
        )
    elif isinstance(error, requests.RequestException):
        found = " ".join(str(error).split()), "check the address and the network"
    elif isinstance(error, ValueError):
        found = (
            f"the bytes that came don't have the published sha256 {file.sha256} and were dropped",
            "try again in case something on the way changed them",
        )
    elif isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        found = f"the disk is full with {kept:,} of {download.total:,} bytes there", "make room and try again"
    else:
        found = f"{download.part.parent} can't be written ({getattr(error, 'strerror', None) or error})", "change that"
    return found


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
