"""Names that came with the data, made fit to stand in a figure: printable, short, and of known width."""

import re
import unicodedata

# control characters break XML, lone surrogates break UTF-8, direction overrides reorder what follows them
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufffe\uffff]")


def printable(text: str) -> str:
    r"""Replace what neither XML nor UTF-8 can hold.

    >>> printable("a\x00b")
    'a\ufffdb'
    """
    return _UNPRINTABLE.sub("\ufffd", text)


def shorten(name: object, limit: int) -> str:
    """One line of at most ``limit`` characters: the middle goes, since names tend to differ at their ends.

    >>> shorten("building_seven_sensor_12", 13)
    'building…r_12'
    """
    line = printable(" ".join(str(name).split())) or "(no name)"
    if len(line) <= limit:
        return line
    tail = (limit - 1) * 2 // 5
    return f"{line[: limit - 1 - tail]}…{line[len(line) - tail :]}"


def text_width(text: str, size: float) -> float:
    """Width of a line of text, near enough to leave room for it without drawing it.

    >>> text_width("ab", 10.0) < text_width("abc", 10.0) < text_width("東京都", 10.0)
    True
    """
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return size * (0.57 * (len(text) - wide) + 1.05 * wide)


def spread(positions: list[float], gap: float, low: float, high: float) -> list[float]:
    """Move labels apart by as little as possible, in the sum of squares.

    With the gaps taken off, "at least a gap apart and in the same order" is "not decreasing", so this is
    isotonic regression, solved by pooling neighbours that are out of order.

    >>> spread([0.0, 1.0, 9.0], 2.0, -10.0, 10.0)
    [-0.5, 1.5, 9.0]
    """
    order = sorted(range(len(positions)), key=lambda index: positions[index])
    pools: list[tuple[float, int]] = []
    for rank, index in enumerate(order):
        mean, size = positions[index] - rank * gap, 1
        while pools and pools[-1][0] > mean:
            other, others = pools.pop()
            mean, size = (mean * size + other * others) / (size + others), size + others
        pools.append((mean, size))
    levels = [mean for mean, size in pools for _ in range(size)]
    top = max(low, high - (len(positions) - 1) * gap)
    placed = [0.0] * len(positions)
    for rank, index in enumerate(order):
        placed[index] = min(max(levels[rank], low), top) + rank * gap
    return placed
