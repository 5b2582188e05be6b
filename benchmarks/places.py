"""Places in a document that a command fills: ``<!-- tables: NAME -->`` to ``<!-- end -->``."""

import re
from collections.abc import Mapping

_PLACE = re.compile(r"(<!-- tables: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(text: str, found: Mapping[str, str]) -> str:
    r"""The text with what was found in the places of these names; other places keep what is there.

    >>> print(filled("<!-- tables: a -->\nold\n<!-- end -->", {"a": "new"}))
    <!-- tables: a -->
    <BLANKLINE>
    new
    <BLANKLINE>
    <!-- end -->
    """

    def fill(place: re.Match[str]) -> str:
        begin, name, end = place.groups()
        return f"{begin}\n{found[name].rstrip()}\n\n{end}" if name in found else place.group()

    return _PLACE.sub(fill, text)


def names(text: str) -> list[str]:
    """Names of the places that a text has."""
    return [place[2] for place in _PLACE.finditer(text)]
