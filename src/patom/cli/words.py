"""Parsing of typed options, and the command that gives the same report again."""

import shlex
from collections.abc import Collection, Sequence

import typer


def command_again(context: typer.Context) -> str:
    """The command that gives the same report again, with the seed and the options that differ from the defaults."""
    from patom.wording import readable

    first = ("table", "task", "target", "seed")
    typed = ["patom", str(context.info_name)]
    for option in sorted(context.command.params, key=lambda option: option.name not in first):
        value = context.params.get(str(option.name))
        if option.name in ("out", "jobs", "fail_above") or (value == option.default and option.name != "seed"):
            continue
        if value is False:
            typed.append(option.secondary_opts[0])
        for each in value if isinstance(value, list | tuple) else [value][: value is not False]:
            typed += [*option.opts[: option.name != "table"], str(each)]
    return readable(shlex.join(typed))


def names(typed: Sequence[str], known: Collection[str]) -> list[str]:
    """Typed names: an option's value is split at commas, but not within a known name.

    >>> names(["Paris, TX", "Rome,Oslo"], {"Paris, TX", "Rome", "Oslo"})
    ['Paris, TX', 'Rome', 'Oslo']
    >>> names(["Rome, Paris, TX"], {"Paris, TX", "Rome"}), names(["Paris, TX"], {"Paris", "TX"})
    (['Rome', 'Paris, TX'], ['Paris', 'TX'])
    """
    return [name for value in typed for name in _split(value, known)]


def _split(value: str, known: Collection[str]) -> list[str]:
    """From the left, the longest known name; text that is no known name, up to the next comma."""
    if value in known:  # as it is, blanks at its ends too
        return [value]
    parts, found = value.split(","), []
    while parts:
        ends = (end for end in range(len(parts), 1, -1) if ",".join(parts[:end]).strip() in known)
        end = next(ends, 1)
        found.append(",".join(parts[:end]).strip())
        del parts[:end]
    return [name for name in found if name]


def words(text: str) -> list[str]:
    """Split at commas, without empty words."""
    return [word.strip() for word in text.split(",") if word.strip()]


def numbers(text: str, option: str) -> list[float]:
    """Numbers separated by commas; other text is refused with one sentence."""
    try:
        return [float(word) for word in words(text)]
    except ValueError:
        raise ValueError(f"{option} must be numbers separated by commas; got {text!r}.") from None
