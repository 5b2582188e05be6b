"""Grids as people write them: a TOML file, validated, with axes that multiply an experiment."""

import itertools
import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from copy import deepcopy
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator
from pydantic_core import ErrorDetails

from patom.attacks.draws import Features, Labels
from patom.attacks.gradients import Gradient
from patom.experiments.data import Data
from patom.experiments.methods import KINDS, LABELS, METHODS

Label = str | int
Figure = Literal["convergence", "budgets", "correlations", "attacks"]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


def _how_many(value: Any) -> str:
    return "several" if isinstance(value, list | tuple) else "one"


StepSizes = Annotated[
    Annotated[Positive, Tag("one")] | Annotated[tuple[Positive, ...], Field(min_length=1), Tag("several")],
    Discriminator(_how_many),
]


def _known(method: str) -> str:
    if method not in LABELS:
        raise ValueError(f"an attack is one of {', '.join(METHODS)} with {', '.join('-' + kind for kind in KINDS)}")
    return method


Attack = Annotated[str, AfterValidator(_known)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Model(_Table):
    """The learner; ``loss`` defaults to the paper's, by the kind of the data.

    ``constant`` says whether it is appended after or before the features are divided by the largest norm.
    """

    loss: Literal["squared_error", "huber", "squared_hinge", "logistic", "unclipped_hinge"] | None = None
    lambda_1: NotNegative = 0.1
    lambda_2: NotNegative = 0.1
    constant: Literal["after", "before"] = "after"


class Start(_Table):
    """How injected rows are drawn: what random attacks are, and where PATOM starts."""

    features: Features = "uniform"
    labels: Labels = "resampled"


class Patom(_Table):
    """PATOM's settings; the defaults are the paper's. Several step sizes are for the figure "attacks"."""

    step_size: StepSizes = 100.0
    max_iter: Annotated[int, Field(ge=1)] = 10
    batch_ratio: Positive = 3.0


class Ascent(_Table):
    """Settings of ``ProjectedAscent``."""

    gradient: Gradient = "exact"
    max_iter: Annotated[int, Field(ge=1)] = 40
    optimise_labels: bool = False
    n_starts: Annotated[int, Field(ge=1)] = 3


Ascents = Annotated[
    Annotated[Ascent, Tag("one")] | Annotated[tuple[Ascent, ...], Field(min_length=1), Tag("several")],
    Discriminator(_how_many),
]


class Pair(_Table):
    """Target tasks, and the attacking tasks of indirect and hybrid attacks, by label."""

    targets: tuple[Label, ...] = Field(min_length=1)
    attackers: tuple[Label, ...] = ()

    @model_validator(mode="after")
    def _distinct(self) -> "Pair":
        labels = [*self.targets, *self.attackers]
        if len(set(labels)) < len(labels):
            raise ValueError("targets and attackers must be different tasks, each named once")
        return self


class DrawnPairs(_Table):
    """Pairs of disjoint task sets, drawn at random; the same for every split seed."""

    count: Annotated[int, Field(ge=1)] = 4
    targets: Annotated[int, Field(ge=1)]
    attackers: Annotated[int, Field(ge=0)]
    seed: Annotated[int, Field(ge=0)] = 0


def _how(pairs: Any) -> str:
    return "drawn" if isinstance(pairs, dict | DrawnPairs) else "listed"


Pairs = Annotated[
    Annotated[DrawnPairs, Tag("drawn")] | Annotated[tuple[Pair, ...], Field(min_length=1), Tag("listed")],
    Discriminator(_how),
]


class Experiment(_Table):
    """One data set, one learner, some attacks: for every seed, pair, attack, budget and start a cell.

    Several step sizes or ascents, which are cells of their own, are for the figure "attacks".
    """

    name: str = Field(min_length=1)
    figure: Figure
    data: Data
    attacks: tuple[Attack, ...] = Field(min_length=1)
    budgets: tuple[Positive, ...] = Field(min_length=1)
    pairs: Pairs
    starts: Annotated[int, Field(ge=1)] = 1
    radius: Positive = 1.0
    model: Model = Model()
    start: Start = Start()
    patom: Patom = Patom()
    ascent: Ascents = Ascent()

    @model_validator(mode="after")
    def _one_variant(self) -> "Experiment":
        several = isinstance(self.patom.step_size, tuple) or isinstance(self.ascent, tuple)
        if several and self.figure != "attacks":
            raise ValueError('several step sizes or ascents need figure = "attacks"; elsewhere use vary')
        return self


class Grid(_Table):
    """A whole run."""

    title: str = Field(min_length=1)
    seeds: Annotated[int, Field(ge=1)] = 10
    experiments: tuple[Experiment, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_differ(self) -> "Grid":
        names = [experiment.name for experiment in self.experiments]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two experiments have the name {twice!r}; give each its own")
        return self


def only(grid: Grid, words: Sequence[str]) -> Grid:
    """The experiments whose names hold one of the words, whatever their case.

    >>> [experiment.name for experiment in only(read_grid("fig2"), ["mnist"]).experiments]
    ['MNIST']
    """
    chosen = tuple(
        experiment
        for experiment in grid.experiments
        if any(word.casefold() in experiment.name.casefold() for word in words)
    )
    if not chosen:
        names = "; ".join(experiment.name for experiment in grid.experiments)
        raise ValueError(f"No experiment is called like {', '.join(map(repr, words))}; they are {names}.")
    return grid.model_copy(update={"experiments": chosen})


def presets() -> tuple[str, ...]:
    """Names of the grids that come with the package.

    >>> presets()
    ('attacks', 'fig1', 'fig2', 'fig3', 'settings')
    """
    folder = resources.files("patom.experiments") / "presets"
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
        text = (resources.files("patom.experiments") / "presets" / f"{name}.toml").read_text("utf-8")
    else:
        text = _text(Path(name))
    return parse_grid(text, str(name))


def parse_grid(text: str, name: str) -> Grid:
    """Parse a grid's TOML; ``name`` begins each error."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{name} is not a TOML file: {error}") from None
    except RecursionError:
        raise ValueError(f"{name} is not a grid: its lists or tables are nested too deeply.") from None
    experiments, origins = raw.get("experiments"), []
    if isinstance(experiments, list):
        variants = [list(_variants(table, f"{name}: experiments[{i}]")) for i, table in enumerate(experiments)]
        raw["experiments"] = list(itertools.chain.from_iterable(variants))
        origins = [i for i, of_one in enumerate(variants) for _ in of_one]
    try:
        return Grid.model_validate_json(json.dumps(raw, default=str), strict=True)
    except ValidationError as error:
        raise ValueError(f"{name}: {_sentence(error, origins)}") from None


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        known = ", ".join(presets())
        raise FileNotFoundError(
            f"There is neither a preset nor a file {str(path)!r}; the presets are {known}."
        ) from None
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
        raise ValueError(f"{name}: each key must have a list of values, all of one length; got {axis!r}")
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
    got = "" if said == "the key is missing" or first["type"] == "value_error" else f" (got {first['input']!r})"
    rest = f"; {more} more like it" if more else ""
    return f"{place + ': ' if place else ''}{said[0].lower() + said[1:]}{got}{rest}."


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
    ("digits", "landmine", "sarcos", "mnist", "related", "drawn", "listed", "one", "several", "str", "int")
)


def _quoted(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key)
