"""What is printed: cleaned of all that a terminal would act on, to streams that never end a command."""

import io
import os
import re
import sys
import unicodedata
import warnings
from collections.abc import Sequence
from typing import Any, TextIO

_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""Characters that Python calls printable, and nobody sees: ignorable marks, fillers, the empty Braille cell."""


def printable(text: str) -> str:
    r"""A line of text in which labels, names and paths cannot move the cursor, hide, or begin a line of their own.

    Control characters, line breaks, zero-width characters, fillers that show nothing, those that turn the direction of
    writing and what is no character at all are written as escapes.

    >>> print(printable("north\x1b[2J\u202e\n\ttab"), printable("größe ²"))
    north\x1b[2J\u202e\n\ttab größe ²
    """
    return "".join(one if _is_plain(one) else one.encode("unicode_escape").decode() for one in text)


def say(lines: Sequence[str]) -> None:
    """Print lines on standard output; if nobody reads, as before ``| head``, work and status stay the same."""
    _write(sys.stdout, lines)


def tell(sentence: str) -> None:
    """Print one line on standard error, with the program's name before it."""
    _write(sys.stderr, [f"patom: {' '.join(sentence.split())}"])


def tell_all(text: str) -> None:
    """Print lines on standard error as they are, such as those that say where a fault is."""
    _write(sys.stderr, text.splitlines())


def prepare() -> None:
    """Let no character that a terminal's encoding lacks raise an error; warnings are a line each."""
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
    except OSError:  # nobody reads, or a full disk: the exit of Python would complain once more
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())


def _is_plain(one: str) -> bool:
    return (one.isprintable() or unicodedata.category(one) == "Zs") and not _BLANK.match(one)
