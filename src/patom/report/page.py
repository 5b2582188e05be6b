"""The frame of both pages: one HTML file that needs neither network nor script."""

from collections.abc import Callable

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from patom.report import numerals
from patom.report.svg import inline_svg


def environment() -> Environment:
    """Where templates come from: text is escaped, a name that is missing is an error."""
    found = Environment(
        loader=PackageLoader("patom.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., str]] = {
        "budget": numerals.budget,
        "count": numerals.count,
        "percent": numerals.percent,
        "percent_interval": lambda value: numerals.percent_interval(value.low, value.high),
        "scientific": numerals.scientific,
        "tidy": numerals.typeset,
    }
    found.filters |= filters
    found.globals["name"] = lambda text: Markup("<bdi>{}</bdi>").format(text)
    found.globals["svg"] = lambda picture, salt: Markup(inline_svg(picture, salt))
    return found
