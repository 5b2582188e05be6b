"""The results of grids: what the findings hand to the page and ``findings.json`` holds.

The fields stand in the order of the file. A run has only the parts that its grids are for, so most may be missing.
"""

import math
import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PlainSerializer, PlainValidator, model_serializer, model_validator

from patom.results.audit import Metric
from patom.results.methods import Reach
from patom.results.parts import UNMEASURED, Attack, Count, Measured, Number, Part, Reached, Rows

SCHEMA: Literal[1] = 1
"""Version of the results that this version writes and reads."""
KIND: Literal["experiments"] = "experiments"
_ASCENT = re.compile(r"ascent, (?P<gradient>.+) gradient(?P<labels>, labels too)?")
_STEP = re.compile(r"(?P<name>.+), (?P<step>step \S+|best step of \d+)")
_NUMBER = re.compile(r"-?[\d,]*\.?\d+")


@dataclass(frozen=True)
class Variant:
    """An attack with its settings, as a table and a legend name it; a file holds its words.

    >>> variant = Variant.parse("ascent, exact gradient, labels too")
    >>> variant.gradient, variant.labels_too, variant.short, str(variant)
    ('exact', True, 'ascent, labels too', 'ascent, exact gradient, labels too')
    >>> Variant("PATOM", step="best step of 5").short
    'PATOM, best step'
    """

    name: str
    gradient: str = ""
    labels_too: bool = False
    step: str = ""

    @classmethod
    def parse(cls, words: str) -> Self:
        """Read the words of a file; those of other attacks are a name."""
        if found := _ASCENT.fullmatch(words):
            return cls("ascent", found["gradient"], bool(found["labels"]))
        if found := _STEP.fullmatch(words):
            return cls(found["name"], step=found["step"])
        return cls(words)

    def __str__(self) -> str:
        gradient = f", {self.gradient} gradient" if self.gradient else ""
        return f"{self.name}{gradient}{', labels too' * self.labels_too}{f', {self.step}' if self.step else ''}"

    @property
    def best_step(self) -> bool:
        """Whether it is the best of several runs."""
        return self.step.startswith("best")

    @property
    def short(self) -> str:
        """Fewer words, for the end of a line."""
        frozen = "Ω frozen" if self.gradient == "frozen covariance" else self.gradient
        shown = "" if self.gradient == "exact" and self.labels_too else frozen
        step = "best step" if self.best_step else self.step
        return ", ".join([self.name, *filter(None, [shown, "labels too" * self.labels_too, step])])


@dataclass(frozen=True)
class Faced:
    """The kind and the budget of the attacks that defenses face; a file holds words such as "direct, 20 %"."""

    kind: Reach
    budget: str

    @classmethod
    def parse(cls, words: str) -> Self:
        """Read the words of a file."""
        kind, _, budget = words.partition(", ")
        return cls(Reach(kind), budget)

    def __str__(self) -> str:
        return f"{self.kind}, {self.budget}"


@dataclass(frozen=True)
class WordedValue:
    """A value in words with its interval: "7 % (5 % to 9 %)" is "7 %" and "5 to 9 %"; of one seed there is no interval.

    >>> WordedValue.parse("-0.5 % (-0.8 % to -0.3 %)")
    WordedValue(value='-0.5 %', inside='-0.8 to -0.3 %', number=-0.5, words='-0.5 % (-0.8 % to -0.3 %)')
    """

    value: str
    inside: str
    number: float
    words: str

    @classmethod
    def parse(cls, words: str) -> Self:
        """Read the words of a file."""
        value, _, inside = words.removesuffix(")").partition(" (")
        low, to, high = inside.partition(" to ")
        unit = high.lstrip("-0123456789.,")
        found = _NUMBER.match(words)
        number = float(found.group().replace(",", "")) if found else math.nan
        return cls(value, f"{low.removesuffix(unit)}{to}{high}" if to else "", number, words)

    def __str__(self) -> str:
        return self.words


def _read(kind: type[Variant] | type[Faced] | type[WordedValue]) -> PlainValidator:
    def read(found: Any) -> Any:
        if isinstance(found, kind):
            return found
        if not isinstance(found, str):
            raise ValueError("input should be a valid string")
        return kind.parse(found)

    return PlainValidator(read)


_WRITTEN = PlainSerializer(str, return_type=str)


class TableRow(Part):
    """A row of a table: a name and cells. A file holds a list."""

    name: str
    cells: list[Annotated[WordedValue, _read(WordedValue), _WRITTEN]]

    @model_validator(mode="before")
    @classmethod
    def _of_list(cls, found: Any) -> Any:
        return {"name": found[0], "cells": list(found[1:])} if isinstance(found, list | tuple) and found else found

    @classmethod
    def of(cls, name: str, *cells: str) -> Self:
        """Make one of words."""
        return cls(name=name, cells=[WordedValue.parse(words) for words in cells])

    @model_serializer
    def _as_list(self) -> list[str]:
        return [self.name, *map(str, self.cells)]


Group = Annotated[tuple[str, list[TableRow]], Field(strict=False)]
"""A heading and the rows below it."""


class Experiment(Part):
    """What each experiment has: a title, and what its runs have in common."""

    title: str
    settings: str = ""


class Converging(Part):
    """One kind of attack: the mean at each iteration with its interval, and the single runs.

    Values are of the test ``metric`` of the target tasks, which is ``clean`` without an attack; without a metric they
    are relative rises of the training loss.
    """

    kind: Reached
    label: str
    metric: str | None = None
    clean: Number | None = None
    iterations: list[Count]
    mean: list[Number | None]
    low: list[Number | None] | None = None
    high: list[Number | None] | None = None
    runs: list[list[Number | None]] = Field(default_factory=list)


class Convergence(Experiment):
    """The target tasks' test metric and the rise of their training loss, by iteration."""

    quantity: str = "training loss of the target tasks over clean"
    panels: list[Converging]


class BudgetLine(Part):
    """An attack's test metric and damage by budget."""

    attack: Attack
    label: str
    budgets: list[Number]
    metric: list[Measured]
    damage: list[Measured] | None = None


class Pair(Part):
    """A pair of target and attacking tasks."""

    pair: str
    targets: list[str] = Field(default_factory=list)
    attackers: list[str] = Field(default_factory=list)
    clean: Measured = UNMEASURED
    lines: list[BudgetLine]


class Budgets(Experiment):
    """The test metric against budget, a panel a pair."""

    metric: Metric
    panels: list[Pair]


class Map(Part):
    """Correlations of the tasks and Omega's spectrum, in one run."""

    label: str
    targets: list[str] = Field(default_factory=list)
    attackers: list[str] = Field(default_factory=list)
    budget: Number = 0.0
    correlation: Rows | None
    spectrum: list[Number | None] | None


class Moved(Map):
    """The map of an attacked model, and over all seeds what the attack changed."""

    flipped: Measured
    shift: Measured
    among_attackers: Measured
    among_attackers_clean: Measured


class Correlations(Experiment):
    """How the tasks are related, clean and under attacks."""

    tasks: list[str]
    seed: int | None = None
    maps: list[Annotated[Moved | Map, Field(union_mode="left_to_right")]]


class RiseLine(Part):
    """An attack's rise of the training loss by budget."""

    attack: Attack
    label: Annotated[Variant, _read(Variant), _WRITTEN]
    budgets: list[Number]
    rise: list[Measured]


class RisePanel(Part):
    """Attacks of one kind."""

    kind: Reached
    lines: list[RiseLine]


class Tabulated(Experiment):
    """An experiment whose numbers the findings write into a table."""

    columns: list[str] = Field(default_factory=list)
    groups: list[Group] = Field(default_factory=list)


class Attacks(Tabulated):
    """Attacks side by side."""

    panels: list[RisePanel]


class Defended(Part):
    """The metric behind a defense: clean, under an attacker who knows the defense and under one who does not."""

    label: str
    clean: Measured
    known: Measured
    naive: Measured


class DefensePanel(Part):
    """Defenses of one kind of attack and budget."""

    title: Annotated[Faced, _read(Faced), _WRITTEN]
    points: list[Defended]


class DefenseLine(Part):
    """The metric behind a defense, under an attacker who knows it, by budget."""

    attack: str
    label: str
    budgets: list[Number]
    metric: list[Measured]
    clean: Measured


class DefenseCurves(Part):
    """Defenses of one kind of attack against budget."""

    title: Reached
    lines: list[DefenseLine]


class Defenses(Experiment):
    """Defenses side by side."""

    metric: Metric
    columns: list[str] = Field(default_factory=list)
    groups: list[Group] = Field(default_factory=list)
    panels: list[DefensePanel]
    curves: list[DefenseCurves] = Field(default_factory=list)


class RankingLine(Part):
    """A ranking's ROC AUC by budget: that of the suspicion under an attack, or of a score under all, without one."""

    ranking: str
    attack: Annotated[Attack | None, PlainSerializer(lambda name: str(name or ""), return_type=str)]
    label: str
    budgets: list[Number]
    auc: list[Measured]

    @model_validator(mode="before")
    @classmethod
    def _no_attack(cls, found: Any) -> Any:
        return found | {"attack": None} if isinstance(found, dict) and found.get("attack") == "" else found


class RankingPanel(Part):
    """Rankings under one kind of attack, and the suspicion's ROC AUC before it."""

    kind: Reached
    lines: list[RankingLine]
    clean: Measured = UNMEASURED


class Screening(Tabulated):
    """Rankings of tasks as detectors."""

    panels: list[RankingPanel]


class Evidence(Part):
    """What one setting shows; ``holds`` is None where it cannot tell."""

    setting: str
    value: str | None = None
    holds: bool | None = None


class Claim(Part):
    """A claim of the paper, what was measured, and the verdict by its rule."""

    claim: str
    paper: str | None = None
    ours: str | None = None
    verdict: str | None = None
    rule: str = ""
    evidence: list[Evidence] = Field(default_factory=list)


class Failure(Part):
    """A cell that failed."""

    cell: str
    error: str


class Provenance(Part):
    """How many cells were run, how exact they are, and what they were made with."""

    cells: Count | None = None
    failed: Count | None = None
    uncertified: Count | None = None
    worst_gap: Number | None = None
    commit: str | None = None
    versions: dict[str, str] = Field(default_factory=dict)
    files: dict[str, str] = Field(default_factory=dict)


class GridResults(Part):
    """A run of experiments, or several: ``findings.json``."""

    schema_: Literal[1] = Field(alias="schema")
    kind: Literal["experiments"]
    reproduction: bool = False
    title: str
    patom_version: str
    command: str | None = None
    confidence: Number | None = None
    n_seeds: Count
    fewest_seeds: Count | None = None
    notes: list[str] = Field(default_factory=list)
    provenance: Provenance = Provenance()
    convergence: list[Convergence] = Field(default_factory=list)
    budgets: list[Budgets] = Field(default_factory=list)
    correlations: list[Correlations] = Field(default_factory=list)
    attacks: list[Attacks] = Field(default_factory=list)
    defenses: list[Defenses] = Field(default_factory=list)
    screening: list[Screening] = Field(default_factory=list)
    claims: list[Claim] = Field(default_factory=list)
    failures: list[Failure] = Field(default_factory=list)
