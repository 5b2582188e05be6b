"""NumPy archives (.npz) from anywhere: what a member says of itself is checked before any of it is inflated."""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import numpy as np

from patom.core.arrays import AnyArray

SPARE, RATIO = 2**24, 100
"""Bytes that an archive may hold whatever its size, and beyond them how many for each byte of the file."""
LABELS = "biufU"
"""Kinds of arrays that labels come in: booleans, whole numbers, floats and text."""
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, ValueError,
    OverflowError, KeyError, IndexError, OSError,
)  # fmt: skip  # what zipfile raises at bytes that are no zip; it reads from memory, so no OSError is the disk's
_HARMLESS = 0x80E  # flags of a member: how hard it was compressed, sizes that follow it, a name in UTF-8
_PREAMBLE, _LONGEST_HEADER = 10, 4096  # bytes; numpy's version 1.0 of .npy
_HEADER = re.compile(
    r"\{'descr': (?P<descr>'[^']{1,16}'|\[.{1,512}\]), 'fortran_order': (?P<order>True|False), "
    r"'shape': \((?P<shape>|[1-9]\d{0,17},|[1-9]\d{0,17}(?:, [1-9]\d{0,17}){1,3})\), \} *\n"
)
"""Of an array with a value at least: nothing here writes an empty one."""
_PLAIN = re.compile(r"'(?P<order>[<>|])(?P<kind>[biufU])(?P<size>\d{1,9})'")


@dataclass(frozen=True)
class Layout:
    """What a member may be.

    Parameters
    ----------
    kinds : str or dtype
        Letters of numpy's kinds, such as "U" or ``LABELS``; or the one dtype.
    ndim : tuple of int
        Numbers of dimensions that it may have.
    """

    kinds: str | np.dtype[Any]
    ndim: tuple[int, ...]


@dataclass(frozen=True)
class Member:
    """What a member's header says.

    Parameters
    ----------
    dtype : dtype
    shape : tuple of int
    order : {"C", "F"}
    start : int
        Bytes before the values.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    order: Literal["C", "F"]
    start: int

    @property
    def size(self) -> int:
        """Bytes of header and values."""
        return self.start + self.dtype.itemsize * prod(self.shape)


class Archive:
    """An archive in memory, whose members are known and whose sizes are true; ``read`` inflates them.

    Parameters
    ----------
    content : bytes
    layouts : mapping of name to Layout
        The members that there may be; a name that ends in ``*`` stands for any number in its place.

    Raises
    ------
    ValueError
        With a clause that says what is wrong.

    Examples
    --------
    >>> archive = Archive(packed({"X": np.zeros((2, 3))}), {"X": Layout(np.dtype(float), (2,))})
    >>> archive.members["X"].shape, archive.read()["X"].sum()
    ((2, 3), np.float64(0.0))
    """

    def __init__(self, content: bytes, layouts: Mapping[str, Layout]) -> None:
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content))
        except _DAMAGE:
            raise ValueError("it is no zip archive, or a damaged one") from None
        self._infos = _members(self._zip.infolist(), len(content))
        self.members = {name: self._header(name, _layout(name, layouts)) for name in self._infos}

    def read(self) -> dict[str, AnyArray]:
        """All arrays, in the machine's order of bytes."""
        return {name: self._array(name, member) for name, member in self.members.items()}

    def _header(self, name: str, layout: Layout) -> Member:
        start = self._bytes(name, _PREAMBLE)
        length = int.from_bytes(start[8:], "little")
        if start[:8] != b"\x93NUMPY\x01\x00" or length > _LONGEST_HEADER:
            raise ValueError(f"its member {name} is no array that numpy wrote")
        text = self._bytes(name, _PREAMBLE + length)[_PREAMBLE:].decode("latin-1")
        member = _parsed(name, text, layout, _PREAMBLE + length)
        if member.size != self._infos[name].file_size:
            raise ValueError(
                f"its member {name} is {self._infos[name].file_size} bytes long, which {member.shape} values of "
                f"{_called(member.dtype)} are not"
            )
        return member

    def _array(self, name: str, member: Member) -> AnyArray:
        content = self._bytes(name, member.size)
        found = np.frombuffer(content, member.dtype, offset=member.start)
        array: AnyArray = found.astype(member.dtype.newbyteorder("=")).reshape(member.shape, order=member.order)
        _require_values(name, array)
        return array

    def _bytes(self, name: str, n: int) -> bytes:
        """The first ``n`` bytes of a member, and no more of it inflated; to its end with its checksum compared."""
        try:
            with self._zip.open(self._infos[name]) as file:
                content = file.read(n)
        except _DAMAGE:
            content = b""
        if len(content) < n:
            raise ValueError(f"its member {name} is damaged or cut short")
        return content


def packed(arrays: Mapping[str, AnyArray]) -> bytes:
    """An archive of arrays: compressed, but for what ``Archive`` would take for a bomb, being so much in so few bytes.

    Raises
    ------
    TypeError
        For an array of objects, which only a pickle could hold.

    Examples
    --------
    >>> len(packed({"X": np.zeros(1000)})) < 1000 < len(packed({"X": np.zeros(10**7)})) / 10_000
    True
    """
    named: dict[str, Any] = dict(arrays)
    objects = [name for name, array in arrays.items() if array.dtype.hasobject]
    if objects:  # numpy before 2.2 has no argument for it, and took allow_pickle for the name of an array
        raise TypeError(f"{objects[0]} holds objects, which cannot be saved without pickle.")
    file = io.BytesIO()
    np.savez_compressed(file, **named)
    held = sum(array.nbytes + _LONGEST_HEADER for array in arrays.values())
    if held > SPARE + RATIO * file.tell():
        file = io.BytesIO()
        np.savez(file, **named)
    return file.getvalue()


def _members(infos: list[zipfile.ZipInfo], n: int) -> dict[str, zipfile.ZipInfo]:
    """Members by name, of which each is there once, plain, and not too large for a file of ``n`` bytes."""
    found: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        name = info.filename.removesuffix(".npy")
        if name in found or name == info.filename:
            raise ValueError(f"its member {_quoted(name)} is {'there twice' if name in found else 'no array'}")
        if info.flag_bits & ~_HARMLESS or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"its member {_quoted(name)} is encrypted, or packed as numpy packs none")
        found[name] = info
    held = sum(info.file_size for info in infos)
    if held > SPARE + RATIO * n:
        raise ValueError(
            f"it would hold {held:,} bytes in a file of {n:,}, which is more than real arrays come to (if you trust "
            "it, save it uncompressed, by numpy.savez of what numpy.load reads)"
        )
    return found


def _layout(name: str, layouts: Mapping[str, Layout]) -> Layout:
    layout = layouts.get(name) or layouts.get(re.sub(r"(?<=_)(0|[1-9][0-9]{0,8})$", "*", name))
    if layout is None:
        raise ValueError(f"its member {_quoted(name)} is unknown")
    return layout


def _parsed(name: str, text: str, layout: Layout, start: int) -> Member:
    header = _HEADER.fullmatch(text)
    if header is None:
        raise ValueError(f"its member {name} is no array that numpy wrote")
    dtype = _dtype(header["descr"], layout.kinds)
    shape = tuple(int(length) for length in header["shape"].split(",") if length)
    if dtype is None or len(shape) not in layout.ndim:
        kind = f"of dtype {header['descr']}" if dtype is None else f"{len(shape)}-dimensional"
        raise ValueError(f"its member {name} must be {_wanted(layout)}; it is {kind}")
    return Member(dtype, shape, "F" if header["order"] == "True" else "C", start)


def _dtype(descr: str, kinds: str | np.dtype[Any]) -> np.dtype[Any] | None:
    """The dtype that a header describes, if it is one of ``kinds``."""
    if isinstance(kinds, np.dtype):
        alike = (kinds.newbyteorder("<"), kinds.newbyteorder(">"))
        return next((each for each in alike if descr == repr(np.lib.format.dtype_to_descr(each))), None)
    plain = _PLAIN.fullmatch(descr)
    if plain is None or plain["kind"] not in kinds:
        return None
    try:
        dtype: np.dtype[Any] = np.dtype(descr[1:-1])
    except (TypeError, ValueError):
        return None
    return dtype if dtype.itemsize else None


def _require_values(name: str, array: AnyArray) -> None:
    """Refuse bytes that are no value of their dtype: truth values other than 0 and 1, characters past Unicode's end."""
    for part in [array] if array.dtype.names is None else [array[each] for each in array.dtype.names]:
        if part.dtype.kind == "b" and part.size and part.view(np.uint8).max() > 1:
            raise ValueError(f"its member {name} holds truth values that are neither true nor false")
        if part.dtype.kind == "U" and part.size and part.ravel().view(np.uint32).max() > 0x10FFFF:
            raise ValueError(f"its member {name} holds characters that are none")


def _wanted(layout: Layout) -> str:
    dimensions = " or ".join(map(str, layout.ndim))
    return f"{dimensions}-dimensional, of {_called(layout.kinds)}"


def _called(kinds: str | np.dtype[Any]) -> str:
    if isinstance(kinds, np.dtype):
        return f"records of {', '.join(kinds.names)}" if kinds.names else str(kinds)
    return "text" if kinds == "U" else "numbers, text or truth values"


def _quoted(name: str, most: int = 60) -> str:
    return repr(name if len(name) <= most else name[: most - 3] + "...")
