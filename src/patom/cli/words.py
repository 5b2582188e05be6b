"""Reading what was typed, and writing down what to type again."""

import shlex

import typer


def command_again(context: typer.Context) -> str:
    """The command that gives the same report again: what differs from the defaults, and the seed."""
    first = ("table", "task", "target", "seed")
    typed = ["patom", str(context.info_name)]
    for option in sorted(context.command.params, key=lambda option: option.name not in first):
        value = context.params.get(str(option.name))
        if option.name in ("out", "jobs", "fail_above") or (value == option.default and option.name != "seed"):
            continue
        if value is False:
            typed.append(option.secondary_opts[0])
        else:
            typed += [*option.opts[: option.name != "table"], str(value)]
    return shlex.join(typed)


def words(text: str) -> list[str]:
    """Split at commas, without empty words."""
    return [word.strip() for word in text.split(",") if word.strip()]


def numbers(text: str, option: str) -> list[float]:
    """Split at commas; one sentence for what is no number."""
    try:
        return [float(word) for word in words(text)]
    except ValueError:
        raise ValueError(f"{option} must be numbers separated by commas; got {text!r}.") from None
