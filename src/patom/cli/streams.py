"""Printing: text without terminal control, to streams whose failure never ends a command."""

import io
import os
import re
import sys
import unicodedata
import warnings
from collections.abc import Sequence
from typing import Any, TextIO

_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""Characters that Python calls printable but that are invisible: ignorable marks, fillers, the empty Braille cell."""


def printable(text: str) -> str:
    r"""A line of text in which labels, names and paths cannot move the cursor, hide, or begin a new line.

    Control characters, line breaks, zero-width characters, invisible fillers, characters that change the direction of
    writing, and invalid characters are written as escapes.

    >>> print(printable("north\x1b[2J\u202e\n\ttab"), printable("größe ²"))
    north\x1b[2J\u202e\n\ttab größe ²
    """
    return "".join(one if _is_plain(one) else one.encode("unicode_escape").decode() for one in text)


def say(lines: Sequence[str]) -> None:
    """Print lines on standard output; without a reader, as with ``| head``, work and status stay the same."""
    _write(sys.stdout, lines)


def tell(sentence: str) -> None:
    """Print one line on standard error, with the program's name before it."""
    _write(sys.stderr, [f"patom: {' '.join(sentence.split())}"])


def tell_all(text: str) -> None:
    """Print lines on standard error as they are, such as a traceback."""
    _write(sys.stderr, text.splitlines())


def prepare() -> None:
    """Let characters that the terminal's encoding lacks raise no error; print each warning in one line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    warnings.showwarning = _warn


def _warn(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:  # noqa: ARG001
    tell(f"warning: {message}")


def _write(stream: TextIO | None, lines: Sequence[str]) -> None:
    if stream is None:  # closed before the program began
        return
    try:
        stream.write("".join(f"{printable(line)}\n" for line in lines))
        stream.flush()
    except OSError:  # no reader, or a full disk: otherwise Python would report it again at exit
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())


def _is_plain(one: str) -> bool:
    return (one.isprintable() or unicodedata.category(one) == "Zs") and not _BLANK.match(one)
