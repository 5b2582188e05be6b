"""Frozen dataclasses and arrays in files without pickle: plain notes for JSON, and NumPy archives (.npz).

An archive may come from anywhere: what a member says of itself is checked before any of it is inflated.
"""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from math import prod
from typing import Any, Literal

import numpy as np

from patom.core.arrays import AnyArray

SPARE, RATIO = 2**24, 100
"""Bytes that an archive may always hold, and beyond them how many for each byte of the file."""
LABELS = "biufU"
"""Kinds of arrays of labels: booleans, whole numbers, floats and text."""
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
"""Of an array with at least one value: nothing here writes an empty one."""
_PLAIN = re.compile(r"'(?P<order>[<>|])(?P<kind>[biufU])(?P<size>\d{1,9})'")
DEPTH = 64
"""How deeply values may be nested."""


def known(kinds: Iterable[type]) -> dict[str, type]:
    """The classes by name, as ``describe`` and ``restore`` want them."""
    return {kind.__name__: kind for kind in kinds}


def describe(value: Any, arrays: dict[str, AnyArray], kinds: Mapping[str, type], depth: int = DEPTH) -> Any:
    """Notes that JSON can hold; arrays are added to ``arrays`` under names of their own.

    ``value`` is None, a bool, number, str or array, a tuple of these, or a dataclass of one of ``kinds`` with such
    fields; anything else is a TypeError with its type's name. ``depth``: how deeply values may be nested.

    >>> from patom.core.regions import Ball
    >>> arrays, kinds = {}, known([Ball])
    >>> notes = describe((Ball(2.0, [1.0, 0.0]), 3), arrays, kinds)
    >>> notes
    {'tuple': [{'name': 'Ball', 'radius': 2.0, 'centre': {'array': 'array_0'}}, 3]}
    >>> restore(notes, arrays, kinds)
    (Ball(radius=2.0, centre=array([1., 0.])), 3)
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray):
        key = f"array_{sum(name.startswith('array_') for name in arrays)}"
        arrays[key] = value
        return {"array": key}
    kind = type(value)
    if depth == 0:
        raise TypeError(f"{kind.__name__} within {DEPTH} others")
    if isinstance(value, tuple):
        return {"tuple": [describe(part, arrays, kinds, depth - 1) for part in value]}
    if kind is not kinds.get(kind.__name__):
        raise TypeError(kind.__name__)
    return {"name": kind.__name__} | {
        part.name: describe(getattr(value, part.name), arrays, kinds, depth - 1) for part in fields(value)
    }


def restore(notes: Any, arrays: Mapping[str, AnyArray], kinds: Mapping[str, type], depth: int = DEPTH) -> Any:
    """The value that ``describe`` took apart; a field that the notes lack has its default.

    Notes that ``describe`` does not write, or values that a class refuses, are a ValueError whose clause says which.
    """
    if notes is None or isinstance(notes, bool | int | float | str):
        return notes
    if not isinstance(notes, dict) or depth == 0:
        raise ValueError("its notes are nested too deeply" if depth == 0 else "its notes hold a list with no name")
    if set(notes) == {"array"}:
        found = arrays.get(notes["array"]) if isinstance(notes["array"], str) else None
        if found is None:
            raise ValueError("its notes name an array that it lacks")
        return found
    if set(notes) == {"tuple"}:
        if not isinstance(notes["tuple"], list):
            raise ValueError("its notes hold a tuple that is no list")
        return tuple(restore(part, arrays, kinds, depth - 1) for part in notes["tuple"])
    name = notes.get("name")
    if not isinstance(name, str) or name not in kinds:
        raise ValueError("its notes hold a class that is unknown")
    given = {key: restore(part, arrays, kinds, depth - 1) for key, part in notes.items() if key != "name"}
    return _built(name, kinds[name], given)


def mentioned(notes: Any) -> Iterator[str]:
    """Names of the arrays in notes of ``describe``, each as often as it occurs."""
    if isinstance(notes, dict) and set(notes) == {"array"}:
        yield notes["array"]
    elif isinstance(notes, dict | list):
        for part in notes.values() if isinstance(notes, dict) else notes:
            yield from mentioned(part)


def _built(name: str, kind: type, given: dict[str, Any]) -> Any:
    unknown = set(given) - {part.name for part in fields(kind)}
    if unknown:
        raise ValueError(f"its notes give {name} a field that it lacks, {min(unknown)!r}")
    try:
        by_name = kind.__dataclass_params__.init  # type: ignore[attr-defined]  # not so an Intersection(*regions)
        built = kind(**given) if by_name else kind(*next(iter(given.values()), ()))
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"its notes describe no {name}: {error}") from None
    for key, value in given.items():  # numpy reads "1.5" and True as numbers, and describe writes neither for one
        if isinstance(value, str | bool) and type(getattr(built, key)) is not type(value):
            raise ValueError(f"its notes describe no {name}: {key} is {value!r}")
    return built


@dataclass(frozen=True)
class Layout:
    """What a member may be."""

    kinds: str | np.dtype[Any]  # letters of numpy's kinds, such as "U" or ``LABELS``; or the one dtype
    ndim: tuple[int, ...]  # numbers of dimensions that it may have


@dataclass(frozen=True)
class Member:
    """What a member's header says."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    order: Literal["C", "F"]
    start: int  # bytes before the values

    @property
    def size(self) -> int:
        """Bytes of header and values."""
        return self.start + self.dtype.itemsize * prod(self.shape)


class Archive:
    """An archive in memory, whose members are known and whose sizes are true; ``read`` inflates them.

    ``layouts`` holds the members that may occur; a name that ends in ``*`` stands for any number in its place.
    Everything else is a ValueError with a clause that says what is wrong.

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
    """An archive of arrays: compressed, unless ``Archive`` would refuse it, as so much in so few bytes.

    An array of objects, which only a pickle could hold, is a TypeError.

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
