"""What an audit's results must be for a page to be made of them: names, types, numbers, and sizes that agree."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator

from .page import SCHEMA

LARGEST = 1e150  # squares of what is larger are beyond floats
Number = Annotated[float, Field(gt=-LARGEST, lt=LARGEST, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0.0, lt=LARGEST, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0.0, lt=LARGEST, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0.0, lt=1.0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, lt=2**63)]
Rows = list[list[Number | None]]


class _Part(BaseModel, strict=True, extra="allow"):
    """A part of the results; what the page does not show may be anything."""


class Interval(_Part):
    """A mean and its interval, None where it could not be measured."""

    mean: Number | None
    low: Number | None
    high: Number | None

    @model_validator(mode="after")
    def _in_order(self) -> "Interval":
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError("low is above high")
        return self


class Task(_Part):
    """A task's rows and clean metric."""

    task: str
    n_train: Count
    n_test: Count
    clean: Number | None


class Scale(_Part):
    """How features were scaled."""

    standardised: bool
    norm: Positive


class Sample(_Part):
    """What the rows audited were drawn from."""

    of_rows: Count
    of_tasks: Count


class Data(_Part):
    """What was audited."""

    name: str
    source: str
    kind: Literal["regression", "classification"]
    kind_reason: str
    task_column: str
    target_column: str
    positive_class: str | None = None
    n_rows: Count
    n_train: Count
    n_test: Count
    n_features: Count
    features: list[str]
    constant_features: list[str] = Field(default_factory=list)
    sample: Sample | None = None
    scale: Scale
    tasks: Annotated[list[Task], Field(min_length=1)]
    notes: list[str]


class Tuned(_Part):
    """A pair of lambdas and its score."""

    lambda_1: NotNegative
    lambda_2: NotNegative
    score: Number | None


class Model(_Part):
    """The model under audit."""

    estimator: str
    loss: str
    lambda_1: NotNegative
    lambda_2: NotNegative
    lambdas_chosen_by: str
    cross_validation: list[Tuned]
    metric: Literal["NMSE", "AUC"]
    measured: str = ""
    clean: Number | None
    clean_targets: Interval | None = None
    objective: Number
    duality_gap: Number
    status: str


class Setting(_Part):
    """How the audit was done."""

    budgets: Annotated[list[Positive], Field(min_length=1)]
    n_seeds: Count
    attack: Literal["ascent", "patom"] = "patom"
    keep_labels: bool = True
    region: str = "ball"
    iterations: Count
    step_size: Positive | None
    step_sizes: dict[str, Positive] | None = None
    confidence: Share
    splits: str = ""
    targets: str
    attackers: str
    injected_norm: Positive
    attacks_run: Count = 0
    attacks_uncertified: Count | None = None


class Point(_Part):
    """One attack at one budget."""

    attack: str
    label: str
    budget: Positive
    n_seeds: Count
    metric: Interval
    damage: Interval
    low_of_all: Number | None = None
    bystander_metric: Interval | None = None


class Coverage(_Part):
    """What a budget came to for one kind of attack, over the seeds; pairs are the least and the most."""

    kind: str
    budget: Positive
    n_seeds: Count
    n_injecting: Count
    rows: Annotated[list[Count], Field(min_length=2, max_length=2)]
    tasks: Annotated[list[Count], Field(min_length=2, max_length=2)]
    reached: Annotated[list[Count], Field(min_length=2, max_length=2)]
    share: NotNegative
    least_reached: NotNegative


def _require_square(name: str, rows: Rows, m: int) -> None:
    if len(rows) != m or any(len(row) != m for row in rows):
        raise ValueError(f"{name} must be {m} rows of {m}, one a task")


class Exposure(_Part):
    """Damage of each task to each."""

    budget: Positive
    tasks: Annotated[list[str], Field(min_length=1)]
    all_tasks_shown: bool
    damage: Rows
    rows_injected: list[Count] = Field(default_factory=list)
    few_test_rows: list[bool] = Field(default_factory=list)

    @model_validator(mode="after")
    def _square(self) -> "Exposure":
        _require_square("damage", self.damage, len(self.tasks))
        if self.few_test_rows and len(self.few_test_rows) != len(self.tasks):
            raise ValueError(f"few_test_rows must be {len(self.tasks)} of true and false, one a task")
        return self


class Moment(_Part):
    """Correlations and spectrum, before or after."""

    correlation: Rows | None
    spectrum: list[Number | None] | None


class Relationships(_Part):
    """How the tasks are related."""

    label: str
    budget: Positive
    tasks: Annotated[list[str], Field(min_length=1)]
    targets: list[str] | None = None
    before: Moment
    after: Moment

    @model_validator(mode="after")
    def _square(self) -> "Relationships":
        for name in ("before", "after"):
            rows = getattr(self, name).correlation
            if rows:
                _require_square(f"{name}.correlation", rows, len(self.tasks))
        return self


class Remedy(_Part):
    """A defense that was tried."""

    label: str
    code: str
    clean: Interval
    naive: Interval
    known: Interval
    cost: Interval
    kept_off: Interval
    objection: str = ""


class Remedies(_Part):
    """The defenses that were tried, and what they faced."""

    label: str
    budget: Positive
    clean: Interval
    attacked: Interval
    remedies: list[Remedy]
    recommended: str | None = None
    reason: str = ""
    notes: list[str] = Field(default_factory=list)
    cost_limit: NotNegative = 0.0


class Worst(_Part):
    """The attack that did most harm."""

    label: str
    budget: Positive
    low: Number | None
    high: Number | None


class Verdict(_Part):
    """The answer in words."""

    level: str
    risk: str = ""
    reason: str = ""
    headline: str
    worst_damage: Number | None
    worst: Worst | None
    by: str = ""
    injected: str = ""
    sentences: list[str]


class Gate(_Part):
    """Whether a build fails."""

    threshold: Number
    exceeded: bool | None


class Results(_Part):
    """An audit's ``report.json``."""

    patom_version: str
    seed: Annotated[int, Field(ge=0)]
    command: str | None = None
    data: Data
    model: Model
    setting: Setting
    curves: list[Point]
    coverage: list[Coverage] = Field(default_factory=list)
    exposure: Exposure | None = None
    relationships: Relationships | None = None
    remedies: Remedies | None = None
    verdict: Verdict
    fail_above: Gate | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_this_version(cls, found: Any) -> Any:
        if isinstance(found, dict) and (found.get("schema") != SCHEMA or isinstance(found["schema"], bool)):
            raise ValueError(
                f"this version reads results of schema {SCHEMA}, and these are of {found.get('schema')!r}: run the "
                "audit again to get such results"
            )
        return found
