"""The results of an audit: what the audit builds, ``report.json`` holds and the page shows.

The fields stand in the order of the file. Those with a default are missing from files of earlier versions.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from patom.results.methods import Method
from patom.results.parts import (
    UNMEASURED,
    Attack,
    Count,
    Measured,
    NotNegative,
    Number,
    Optimising,
    Part,
    Positive,
    Reached,
    Rows,
    Share,
)

SCHEMA = 1
"""Version of the results that this version writes and reads."""
Metric = Literal["NMSE", "AUC"]


class Task(Part):
    """A task's rows and clean metric."""

    task: str
    n_train: Count
    n_test: Count
    clean: Number | None


class Scale(Part):
    """How features were scaled."""

    standardised: bool
    norm: Positive


class Sample(Part):
    """How much was audited of a table that is too large to be audited whole."""

    rows: Count = 0
    of_rows: Count
    tasks: Count = 0
    of_tasks: Count


class Data(Part):
    """What was audited."""

    name: str
    source: str
    kind_reason: str
    task_column: str
    target_column: str
    classes: list[str] | None = None
    positive_class: str | None = None
    sample: Sample | None = None
    notes: list[str]
    kind: Literal["regression", "classification"]
    features: list[str]
    n_features: Count
    constant_features: list[str] = Field(default_factory=list)
    scale: Scale
    n_rows: Count
    n_train: Count
    n_test: Count
    tasks: Annotated[list[Task], Field(min_length=1)]


class Tuned(Part):
    """A pair of lambdas and its score."""

    lambda_1: NotNegative
    lambda_2: NotNegative
    score: Number | None


class Model(Part):
    """The model under audit."""

    estimator: str
    loss: str
    lambda_1: NotNegative
    lambda_2: NotNegative
    lambdas_chosen_by: str
    cross_validation: list[Tuned] | None
    metric: Metric
    measured: str = "mean over tasks"
    clean: Number | None
    clean_targets: Measured = UNMEASURED
    clean_targets_by_seed: list[Number | None] = Field(default_factory=list)
    objective: Number
    duality_gap: Number
    status: str

    @property
    def clean_level(self) -> float | None:
        """The clean metric of the target tasks, whose curves are shown; of all tasks where that is not known."""
        return self.clean if self.clean_targets.mean is None else self.clean_targets.mean


class Setting(Part):
    """How the audit was done."""

    budgets: Annotated[list[Positive], Field(min_length=1)]
    n_seeds: Count
    attack: Optimising = Method.PATOM
    keep_labels: bool = True
    region: str = "ball"
    iterations: Count
    step_size: Positive | None
    step_sizes: dict[Attack, Positive] | None = None
    confidence: Share
    splits: str = ""
    targets: str
    attackers: str
    injected_norm: Positive
    attacks_run: Count = 0
    attacks_uncertified: Count | None = None
    attacks_rising: Count | None = None
    worst_rising: Count | None = None
    worst_run: Count | None = None


class Point(Part):
    """One attack at one budget, over the seeds in which its damage could be measured.

    ``low_of_all`` is the lower end of the damage's interval at a confidence that allows for taking the largest of all
    curves' (Bonferroni), as a verdict does; the intervals themselves do not.
    """

    attack: Attack
    label: str
    budget: Positive
    n_seeds: Count
    clean: Measured = UNMEASURED
    metric: Measured
    damage: Measured
    low_of_all: Number | None = None
    bystander_metric: Measured = UNMEASURED


Ends = Annotated[list[Count], Field(min_length=2, max_length=2)]
"""The least and the most over the seeds."""


class Coverage(Part):
    """How much attacks of one reach can inject at a budget, over the seeds.

    ``n_seeds`` were planned, in ``n_injecting`` of them a row is injected; over the latter run ``rows`` injected,
    attacking ``tasks``, ``reached`` of these, and ``share``, the mean of the rows injected over the clean rows of the
    attacking tasks. ``least_reached``: the least share of attacking tasks that got a row, over all seeds.
    """

    reach: Reached = Field(validation_alias="kind", serialization_alias="kind")
    budget: Positive
    n_seeds: Count
    n_injecting: Count
    rows: Ends
    tasks: Ends
    reached: Ends
    share: NotNegative
    least_reached: NotNegative


def _require_square(name: str, rows: Rows, m: int) -> None:
    if len(rows) != m or any(len(row) != m for row in rows):
        raise ValueError(f"{name} must be {m} rows of {m}, one a task")


class ExposureToAccounts(Part):
    """The damage to each task of a map, as the only target, by so many new accounts."""

    accounts: Count
    rows_each: Count
    damage: list[Number | None]


class Exposure(Part):
    """The damage of each task (row) as the only attacker on each task (column) as the only target.

    ``to_accounts`` is a row more: new accounts with about as many rows as a task of the map injects.
    """

    budget: Positive
    tasks: Annotated[list[str], Field(min_length=1)]
    all_tasks_shown: bool
    damage: Rows
    few_test_rows: list[bool] = Field(default_factory=list)
    rows_injected: list[Count] = Field(default_factory=list)
    to_accounts: ExposureToAccounts | None = None

    @model_validator(mode="after")
    def _square(self) -> Self:
        if self.to_accounts is not None and len(self.to_accounts.damage) != len(self.tasks):
            raise ValueError(f"damage of to_accounts must be {len(self.tasks)} numbers, one a task")
        _require_square("damage", self.damage, len(self.tasks))
        if self.few_test_rows and len(self.few_test_rows) != len(self.tasks):
            raise ValueError(f"few_test_rows must be {len(self.tasks)} of true and false, one a task")
        return self

    @property
    def few(self) -> list[bool]:
        """Whether each task has few test rows; results of earlier versions do not say."""
        return self.few_test_rows or [False] * len(self.tasks)


class Moment(Part):
    """Correlations and spectrum, before or after."""

    correlation: Rows | None
    spectrum: list[Number | None] | None


class Relationships(Part):
    """How the tasks are related, clean and under a hybrid attack."""

    attack: Attack | None = None
    label: str
    budget: Positive
    targets: list[str] | None = None
    attackers: list[str] | None = None
    tasks: Annotated[list[str], Field(min_length=1)]
    before: Moment
    after: Moment

    @model_validator(mode="after")
    def _square(self) -> Self:
        for name, moment in (("before", self.before), ("after", self.after)):
            if moment.correlation:
                _require_square(f"{name}.correlation", moment.correlation, len(self.tasks))
        return self


class Retuned(Part):
    """What the worst attack does to a victim who chooses the lambdas again, on the poisoned rows.

    ``damage`` is by the worst of several plans, of which some were made for stronger lambdas; ``replayed`` by the rows
    that were planned for the lambdas of the clean rows.
    """

    attack: Attack
    label: str
    budget: Positive
    lambdas: list[list[NotNegative]]
    metric: Measured
    damage: Measured
    replayed: Measured = UNMEASURED


class Remedy(Part):
    """A defense that was tried: how good the model is with it, what it costs and which share of the damage it prevents.

    ``naive`` is under an attacker who does not know the defense, ``known`` under one who does.
    """

    label: str
    code: str
    clean: Measured
    naive: Measured
    known: Measured
    cost: Measured
    prevented: Measured = Field(validation_alias="kept_off", serialization_alias="kept_off")
    objection: str = ""


class Remedies(Part):
    """The defenses that were tried, and the attack that they faced."""

    attack: Attack | None = None
    label: str
    budget: Positive
    clean: Measured
    attacked: Measured
    remedies: list[Remedy]
    recommended: str | None = None
    reason: str = ""
    cost_limit: NotNegative = 0.0
    notes: list[str] = Field(default_factory=list)


class Bracket(Part):
    """The targets' mean training loss, which attacks raise: without one, under the best found, and a certified bound.

    The bound has no interval, nor a mean, where the threat model has none.
    """

    clean: Measured
    found: Measured
    bound: Measured


class AccountPoint(Part):
    """What so many new accounts do to the test metric of all tasks; ``rows`` are those of all of them."""

    accounts: Count
    rows: Count
    n_seeds: Count
    metric: Measured
    damage: Measured
    low_of_all: Number | None = None


class CappedAccounts(Part):
    """The most accounts against a model whose tasks of fewer than ``n_0`` rows weigh less, and what that costs."""

    n_0: Positive
    clean: Measured
    metric: Measured
    cost: Measured
    damage: Measured


class Accounts(Part):
    """Attacks by new accounts; ``enough`` is the fewest tried that surely do 10 % damage, by ``low_of_all``.

    ``bracket`` is that of the most accounts.
    """

    rows_each: Count
    clean: Measured
    points: list[AccountPoint]
    enough: Count | None = None
    capped: CappedAccounts | None = None
    bracket: Bracket | None = None


class Worst(Part):
    """The attack that did most harm on average; one by new accounts has their number, and neither budget nor name."""

    attack: Attack | None = None
    label: str
    budget: Positive | None
    accounts: Count | None = None
    mean: Number | None = None
    low: Number | None
    high: Number | None


class Verdict(Part):
    """The answer in words, and the damage between whose ends the worst one lies by the intervals over seeds."""

    level: str
    risk: str = ""
    reason: str = ""
    at_least: Number | None = None
    at_most: Number | None = None
    by: str = ""
    headline: str
    worst_damage: Number | None
    worst: Worst | None
    injected: str = ""
    sentences: list[str]


class Gate(Part):
    """Whether the worst damage exceeds a threshold, so that a build fails; None where that cannot be said."""

    threshold: Number
    exceeded: bool | None
    reason: str = ""


class Results(Part):
    """An audit's ``report.json``."""

    schema_: int = Field(alias="schema")
    patom_version: str
    seed: Annotated[int, Field(ge=0)]
    data: Data
    model: Model
    setting: Setting
    curves: list[Point]
    coverage: list[Coverage] = Field(default_factory=list)
    exposure: Exposure | None = None
    relationships: Relationships | None = None
    retuned: Retuned | None = None
    remedies: Remedies | None = None
    accounts: Accounts | None = None
    bracket: Bracket | None = None
    verdict: Verdict
    fail_above: Gate | None = None
    command: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_this_version(cls, found: Any) -> Any:
        if isinstance(found, dict) and (found.get("schema") != SCHEMA or isinstance(found["schema"], bool)):
            raise ValueError(
                f"this version reads results of schema {SCHEMA}, and these are of {found.get('schema')!r}: run the "
                "audit again to get such results"
            )
        return found

    @property
    def several_splits(self) -> bool:
        """Whether each seed holds out its own test rows."""
        return bool(self.setting.splits) and self.setting.n_seeds > 1

    def n_seeds_of(self, worst: Worst | None) -> int:
        """Count the seeds of an attack and budget, or number of accounts; 0 where there is no such attack."""
        if worst is not None and worst.accounts is not None:
            points = [] if self.accounts is None else self.accounts.points
            return next((point.n_seeds for point in points if point.accounts == worst.accounts), 0)
        found = (
            point.n_seeds
            for point in self.curves
            if worst and (point.attack, point.budget) == (worst.attack, worst.budget)
        )
        return next(found, 0)
