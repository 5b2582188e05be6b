"""Names, values and numbers in words: for messages, notes, verdicts and tables. The pages typeset them."""

from collections.abc import Sequence


def quoted(value: str) -> str:
    """Quote a value, cut to 40 characters.

    >>> print(quoted("north"), len(quoted("z" * 500)))
    'north' 42
    """
    return repr(shortened(value))


def shortened(text: str, most: int = 40) -> str:
    """A text, cut to so many characters."""
    return text if len(text) <= most else text[: most - 3] + "..."


def readable(name: str) -> str:
    r"""A file's name, or a command, as text that any file can hold: bytes that are no UTF-8 become escapes.

    >>> print(readable("sales\udcff.csv"))
    sales\xff.csv
    """
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def counted(number: int, noun: str) -> str:
    """Put a number before its noun.

    >>> counted(1, "row"), counted(2000, "row")
    ('1 row', '2,000 rows')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def listed(names: Sequence[str], limit: int = 8, total: int | None = None) -> str:
    """Join quoted names; past the limit, say how many more of the total there are.

    >>> print(listed(["a", "b", "c"]), "or", listed(["a", "b", "c"], 2, 9))
    'a', 'b' and 'c' or 'a', 'b' and 7 more
    """
    total = len(names) if total is None else total
    shown = [quoted(name) for name in names[:limit]]
    if total > len(shown):
        shown.append(f"{total - len(shown):,} more")
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if shown[1:] else shown)


def percent_digits(share: float, largest: float | None = None) -> str:
    """A share as a percentage without its sign: whole numbers from 10 % on, below 0.1 % two decimals.

    ``largest``: the share whose size sets the number of decimals, so that both ends of an interval agree.

    >>> [percent_digits(share) for share in (50.0, 0.412, -0.0321, 0.0004, 0.0)]
    ['5,000', '41', '-3.2', '0.04', '0']
    """
    size = abs(share if largest is None else largest)
    text = f"{100 * share:,.{0 if size >= 0.0995 else 1 if size >= 0.00095 else 2}f}"
    return "0" if float(text.replace(",", "")) == 0.0 else text


def percent(share: float) -> str:
    """A share as a percentage of two sensible digits, for a sentence.

    >>> percent(0.4137), percent(0.0212), percent(12.3), percent(0.00042), percent(1e-9), percent(0.0)
    ('41 %', '2.1 %', '1,230 %', '0.04 %', 'less than 0.01 %', '0.0 %')
    >>> percent(1.2e40)
    '1.2e+42 %'
    """
    if 0.0 < share < 0.0001:
        return "less than 0.01 %"
    if abs(share) >= 1e7:
        return f"{100 * share:.1e} %"
    return f"{percent_digits(share) if share else '0.0'} %"


def as_asked(share: float, digits: int = 3) -> str:
    """A budget as a percentage, with the digits that it was given with, up to three or as many as said.

    >>> as_asked(0.05), as_asked(0.3), as_asked(0.125), as_asked(1 / 3), as_asked(12.0)
    ('5 %', '30 %', '12.5 %', '33.3 %', '1,200 %')
    """
    return f"{float(f'{100.0 * share:.{digits}g}'):,.15g} %"


def points(share: float) -> str:
    """A difference of two percentages.

    >>> points(0.034)
    '3.4 points'
    """
    return percent(share).removesuffix(" %") + " points"


def two_digits(value: float) -> str:
    """A number with two digits after the point.

    >>> two_digits(0.12345)
    '0.12'
    """
    return f"{value:.2f}"
