"""The pages' templates, and what they all can do."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from . import numerals


def environment() -> Environment:
    """Where templates come from: text is escaped, a name that is missing is an error."""
    found = Environment(
        loader=PackageLoader("patom.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["count"] = numerals.count
    found.filters["tidy"] = lambda text: str(text).replace(" %", f"{numerals.NBSP}%")
    return found
