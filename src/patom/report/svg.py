"""A figure as SVG text for a page with other figures: no clashing ids, colours that follow the page."""

import html
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from patom.report.labels import printable
from patom.report.style import THEMED, drawing

_TAG = re.compile(r"<[^<>]+>")
_IDENTIFIER = re.compile(r'\sid="([^"]*)"')
_REFERENCE = re.compile(r'(?:href="|url\()#([^")]+)')
_LONG_DECIMAL = re.compile(r"-?\d+\.\d{3,}")
_LEFT_OUT = re.compile(r"<metadata>.*?</metadata>|<defs>\s*<style.*?</style>\s*</defs>|<!--.*?-->", re.DOTALL)
_BACKGROUND = (
    "<style>* { stroke-linejoin: round; stroke-linecap: butt; }</style>"
    '<rect width="100%" height="100%" fill="#ffffff"/>'
)
_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


@dataclass(frozen=True)
class Hover:
    """Words shown while the pointer rests on a box, two corners in the data coordinates of ``axes``."""

    axes: Axes
    corners: tuple[tuple[float, float], tuple[float, float]]
    text: str
    margin: float = 0.0
    """Points added on every side."""


@dataclass(frozen=True)
class Picture:
    """A figure, one sentence that stands for it when it cannot be seen, and its hover words."""

    figure: Figure
    description: str
    hovers: Sequence[Hover] = ()

    @property
    def width(self) -> int:
        """The natural width in CSS pixels, below which the page lets it shrink only so far."""
        return round(96 * self.figure.get_figwidth())


def inline_svg(picture: Picture, salt: str) -> str:
    """Write the ``<svg>`` element of a picture, the same bytes each time.

    Text stays text: it can be searched and copied, and the reader's own fonts draw it.

    >>> inline_svg(Picture(Figure(figsize=(1, 1)), "Nothing."), "a")[:37]
    '<svg role="img" aria-label="Nothing."'
    """
    return _assemble(picture, _draw(picture, salt, _follow_page), "")


def standalone_svg(picture: Picture, salt: str) -> str:
    """Write a picture as an SVG file of its own: on white, in its own colours, text as text.

    >>> standalone_svg(Picture(Figure(figsize=(1, 1)), "Nothing."), "a").splitlines()[0]
    '<?xml version="1.0" encoding="utf-8"?>'
    """
    text = _draw(picture, salt, _name_fonts)
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    return f'<?xml version="1.0" encoding="utf-8"?>\n{_assemble(picture, text, spaces, _BACKGROUND)}\n'


def _draw(picture: Picture, salt: str, restyle: Callable[[str], str]) -> str:
    """Matplotlib's ``<svg>`` element, without metadata and style sheet, each tag trimmed and restyled."""
    buffer = io.StringIO()
    with drawing(svg__hashsalt=salt, svg__fonttype="none"):
        picture.figure.savefig(buffer, format="svg", metadata=_NO_METADATA, transparent=True)
    text = buffer.getvalue()
    text = _LEFT_OUT.sub("", text[text.index("<svg") :])
    used = set(_REFERENCE.findall(text))
    return _TAG.sub(lambda tag: restyle(_trim(tag.group(), used)), text)


def _assemble(picture: Picture, text: str, spaces: str, background: str = "") -> str:
    """Give the element its size, its sentence and its hover words."""
    width, height = 96 * picture.figure.get_size_inches()
    opening = (
        f'<svg {spaces}role="img" aria-label="{html.escape(printable(picture.description))}" '
        f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {0.75 * width:.6g} {0.75 * height:.6g}">{background}'
    )
    body = text[text.index(">") + 1 :].replace("</svg>", _hover_layer(picture) + "</svg>")
    lines = (line.strip() for line in (opening + body).splitlines())
    return "\n".join(line for line in lines if line)


def _trim(tag: str, used: set[str]) -> str:
    """Drop an id that nothing refers to, round coordinates to 1/100 point."""
    tag = _IDENTIFIER.sub(lambda match: match.group() if match[1] in used else "", tag)
    return _LONG_DECIMAL.sub(lambda match: f"{float(match.group()):.2f}".rstrip("0").rstrip("."), tag)


def _follow_page(tag: str) -> str:
    """Let colours follow the page."""
    for colour, name in THEMED.items():
        tag = tag.replace(colour, f"var(--{name}, {colour})")
    return tag


def _name_fonts(tag: str) -> str:
    """Verdana is as wide as the font that the figure was laid out with."""
    return tag.replace("'DejaVu Sans'", "'DejaVu Sans', Verdana, sans-serif")


def _hover_layer(picture: Picture) -> str:
    """Transparent boxes with titles, above everything else."""
    width, height = 72 * picture.figure.get_size_inches()
    to_fraction = picture.figure.transFigure.inverted()
    boxes = []
    for hover in picture.hovers:
        corners = to_fraction.transform(hover.axes.transData.transform(hover.corners)) * (width, height)
        left, low = corners.min(axis=0) - hover.margin
        right, high = corners.max(axis=0) + hover.margin
        box = f'x="{left:.1f}" y="{height - high:.1f}" width="{right - left:.1f}" height="{high - low:.1f}"'
        boxes.append(f"<rect {box}><title>{html.escape(printable(hover.text))}</title></rect>")
    return '<g class="hover" fill="none" pointer-events="all">' + "".join(boxes) + "</g>" if boxes else ""
