"""Machine code on disk: numba's cache, in which no file can stop a fit or be taken for what it is not.

In numba's own, a file for each function lists numbered files of code. A list that is empty or cut short raises at every
call, and so does a full disk. Two processes that compile for two types of arrays at the same time write the same
number, one that is killed between list and code leaves older code under a new entry, and a function whose own file is
as it was keeps the code that it took over from one in another file.

Here each file holds one function for one signature and says so, with the version of numba and the sources that it was
made from; a digest vouches for the rest. Anything else counts as no file, and is written over.
"""

import hashlib
import io
import os
import pickle
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import numba
from numba.core.caching import CompileResultCacheImpl
from numba.core.serialize import dumps

_DIGEST = hashlib.sha256().digest_size


@dataclass(frozen=True)
class Files:
    """The files of one function.

    Parameters
    ----------
    folder : Path
    stem : str
        What their names begin with.
    stamp : object
        Of the file that the function is written in; anything that can be pickled and compared.
    """

    folder: Path
    stem: str
    stamp: Any

    def load(self, key: Any) -> Any | None:
        """What was saved for a signature, None where there is nothing, or nothing of the kind."""
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
    """Where numba looks for a folder; but not in a folder named "~", which it makes where there is no home."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~")
    known: list[Any] = CompileResultCacheImpl._locator_classes
    return [place for place in known if os.path.isabs(home) or "UserWide" not in place.__name__]


class _Code(CompileResultCacheImpl):
    """What numba keeps of a function, and where."""

    _locator_classes = _places()


class MachineCode:
    """The cache of one function, as numba's dispatcher asks for it.

    Raises
    ------
    RuntimeError
        Where there is no folder that can be written.
    """

    def __init__(self, kernel: Callable[..., Any]) -> None:
        self._code = _Code(kernel)
        place = self._code.locator
        self._files = Files(Path(place.get_cache_path()), self._code.filename_base, place.get_source_stamp())

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
    """A digest of the files here that hold compiled functions: each may hold the code of others."""
    contents = [path.read_bytes() for path in sorted(Path(__file__).parent.rglob("*.py"))]
    return hashlib.sha256(b"".join(content for content in contents if b"core.compiled import" in content)).digest()
