"""Grids as people write them: a TOML file, validated, with axes that multiply an experiment."""

import itertools
import json
import math
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from patom.paper.description import Experiment, Grid
from patom.pipes import NotAFileError, pipe_content

LARGEST = 2**20
"""The most bytes that a grid's file may have."""
MOST_VARIANTS = 10_000
"""Experiments that ``vary`` may make of one."""


def only(grids: Mapping[str, Grid], words: Sequence[str]) -> dict[str, Grid]:
    """The experiments whose names contain one of the words, in any case of letters; grids without one are left out.

    >>> grids = {name: read_grid(name) for name in ("fig2", "fig3")}
    >>> [experiment.name for grid in only(grids, ["mnist"]).values() for experiment in grid.experiments]
    ['MNIST']
    """
    chosen = {name: _called_like(grid, words) for name, grid in grids.items()}
    if not any(chosen.values()):
        names = "; ".join(dict.fromkeys(each.name for grid in grids.values() for each in grid.experiments))
        raise ValueError(f"No experiment is called like {', '.join(map(repr, words))}; they are {names}.")
    return {name: grids[name].model_copy(update={"experiments": found}) for name, found in chosen.items() if found}


def _called_like(grid: Grid, words: Sequence[str]) -> tuple[Experiment, ...]:
    return tuple(each for each in grid.experiments if any(word.casefold() in each.name.casefold() for word in words))


def presets() -> tuple[str, ...]:
    """Names of the grids that come with the package.

    >>> presets()
    ('adversary', 'attacks', 'defenses', 'fig1', 'fig2', 'fig3', 'screening', 'settings')
    """
    folder = resources.files("patom.paper") / "presets"
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")))


def read_grid(name: str | Path) -> Grid:
    """Read a preset, or a TOML file.

    Parameters
    ----------
    name : str or Path
        One of ``presets()``, or a file.

    Raises
    ------
    ValueError
        For text that is not TOML, an unknown key or a bad value; one sentence, with the path of the key.
    OSError
        For a file that cannot be read.

    Examples
    --------
    >>> grid = read_grid("fig2")
    >>> grid.seeds, sorted({experiment.data.name for experiment in grid.experiments})
    (10, ['landmine', 'mnist', 'sarcos'])
    """
    if str(name) in presets():
        text = (resources.files("patom.paper") / "presets" / f"{name}.toml").read_text("utf-8")
    else:
        text = _text(Path(name))
    return parse_grid(text, str(name))


def parse_grid(text: str, name: str) -> Grid:
    """Parse a grid's TOML; ``name`` begins each error."""
    try:
        described, origins = _described(text, name)
        return Grid.model_validate_json(described, strict=True)
    except ValidationError as error:
        if error.errors()[0]["type"] != "json_invalid":
            raise ValueError(f"{name}: {_sentence(error, origins)}") from None
    except RecursionError:
        pass
    raise ValueError(f"{name} is not a grid: its lists or tables are nested too deeply.")


def _described(text: str, name: str) -> tuple[str, list[int]]:
    """The grid as JSON, an experiment for each variant; and where in the file each experiment is from."""
    try:
        raw = tomllib.loads(text)
    except ValueError as error:  # not a number of more digits than Python reads either
        raise ValueError(f"{name} is not a TOML file: {error}") from None
    experiments, origins = raw.get("experiments"), []
    if isinstance(experiments, list):
        variants = [list(_variants(table, f"{name}: experiments[{i}]")) for i, table in enumerate(experiments)]
        raw["experiments"] = list(itertools.chain.from_iterable(variants))
        origins = [i for i, of_one in enumerate(variants) for _ in of_one]
    return json.dumps(raw, default=str), origins


def _text(path: Path) -> str:
    """A grid's text, without the byte order mark that some editors write."""
    try:
        content = None if path.is_dir() else pipe_content(path)
        if content is None:
            with path.open("rb") as file:
                content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise ValueError(f"{path} is not a grid: it is larger than {LARGEST:,} bytes")
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        known = ", ".join(presets())
        raise FileNotFoundError(
            f"There is neither a preset nor a file {str(path)!r}; the presets are {known}."
        ) from None
    except NotAFileError as error:
        raise ValueError(f"{error}, not a grid") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a TOML file: it is not text in UTF-8") from None
    except OSError as error:
        raise OSError(f"The grid {path} cannot be read: {error.strerror}.") from None


def _variants(table: Any, name: str) -> Iterator[Any]:
    """An experiment for each combination of its axes; keys of one axis vary together.

    ``vary = [{"model.lambda_1" = [1, 2], "model.lambda_2" = [1, 2]}, {"patom.step_size" = [1, 100]}]`` gives four.
    Values of ``name`` are added to the experiment's name; without them the keys' values are.
    """
    if not isinstance(table, dict) or "vary" not in table:
        yield table
        return
    axes = table["vary"]
    if not (isinstance(axes, list) and all(isinstance(axis, dict) and axis for axis in axes)):
        raise ValueError(f"{name}.vary must be a list of tables, each of a key and its values")
    steps = [list(_steps(axis, f"{name}.vary[{k}]")) for k, axis in enumerate(axes)]
    if math.prod(map(len, steps)) > MOST_VARIANTS:
        raise ValueError(
            f"{name}.vary comes to {math.prod(map(len, steps)):,} experiments; {MOST_VARIANTS:,} are the most"
        )
    for chosen in itertools.product(*steps):
        variant = deepcopy({key: value for key, value in table.items() if key != "vary"})
        for key, value in ((key, value) for step in chosen for key, value in step.items() if key != "name"):
            _put(variant, key, value, name)
        if isinstance(variant.get("name"), str):
            variant["name"] = ", ".join([variant["name"], *map(_called, chosen)])
        yield variant


def _steps(axis: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    lengths = {key: len(values) if isinstance(values, list) else 0 for key, values in axis.items()}
    if min(lengths.values()) == 0 or len(set(lengths.values())) > 1:
        raise ValueError(f"{name}: each key must have a list of values, all of one length; got {_short(axis)}")
    for values in zip(*axis.values(), strict=True):
        yield dict(zip(axis, values, strict=True))


def _put(table: dict[str, Any], key: str, value: Any, name: str) -> None:
    *folders, last = key.split(".")
    for folder in folders:
        table = table.setdefault(folder, {})
        if not isinstance(table, dict):
            raise ValueError(f"{name}.vary: {key!r} goes through {folder!r}, which is no table")
    table[last] = deepcopy(value)  # another axis may set a key within it


def _called(step: dict[str, Any]) -> str:
    if "name" in step:
        return str(step["name"])
    return ", ".join(f"{key.rpartition('.')[2]} {_shown(value)}" for key, value in step.items())


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


def _sentence(error: ValidationError, origins: list[int]) -> str:
    """The first of pydantic's complaints, with the path as TOML has it."""
    # Of a list with a bad entry pydantic also says that it is too short, which is beside the point.
    complaints = [one for one in error.errors() if one["type"] != "too_short" or not one["input"]]
    complaints.sort(key=lambda one: one["type"] != "extra_forbidden")  # a misspelt key explains a missing one
    first, more = complaints[0], len({_place(one, origins) for one in complaints}) - 1
    place, said = _place(first, origins), " ".join(first["msg"].removeprefix("Value error, ").split())
    said = {
        "extra_forbidden": "unknown key",
        "missing": "the key is missing",
        "union_tag_not_found": "the key is missing",
        "too_short": "the list is empty",
    }.get(first["type"], said)
    got = "" if said == "the key is missing" or first["type"] == "value_error" else f" (got {_short(first['input'])})"
    rest = f"; {more} more like it" if more else ""
    return f"{place + ': ' if place else ''}{said[0].lower() + said[1:]}{got}{rest}."


def _short(value: Any, most: int = 200) -> str:
    shown = repr(value)
    return shown if len(shown) <= most else shown[: most - 3] + "..."


def _place(complaint: ErrorDetails, origins: list[int]) -> str:
    """The path of a key, in the file: without the alternatives that pydantic chose from, before ``vary``."""
    location = list(complaint["loc"])
    if location[:1] == ["experiments"] and len(location) > 1:
        location[1] = origins[int(location[1])]
    last = [location.pop()] if complaint["type"] == "extra_forbidden" else []
    if complaint["type"] == "union_tag_not_found":
        last = ["name"]
    keys = [part for part in location if part not in _ALTERNATIVES] + last
    return "".join(f"[{key}]" if isinstance(key, int) else f".{_quoted(key)}" for key in keys).lstrip(".")


_ALTERNATIVES = frozenset(
    ("digits", "landmine", "sarcos", "mnist", "related", "drawn", "listed", "one", "several", "word", "str", "int")
)


def _quoted(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key)
