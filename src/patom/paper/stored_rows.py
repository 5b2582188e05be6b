"""What a row of a run's table must be, so that a page can be made of it that says what was computed."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model, model_validator

from patom.attacks.draws import Features, Labels
from patom.attacks.gradients import Gradient
from patom.paper.description import Attack, Figure, Loss
from patom.paper.table import RANKINGS
from patom.plain_json import read_json

LARGEST = 1e150
"""Numbers from here on have squares beyond floats, and no mean over seeds an interval."""
LISTS = tuple(f"{name}{when}" for when in ("", "_clean") for name in (*RANKINGS, "next_to"))
"""Columns that screening fills, a value a task."""


def _is_json(text: str) -> str:
    if not isinstance(read_json(text), dict):
        raise ValueError("it must be a JSON object")
    return text


def _different(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError("it names a task twice")
    return names


_NEEDED = {"patom": ("step_size", "max_iter"), "ascent": ("gradient", "optimise_labels")}
Number = Annotated[float, Field(gt=-LARGEST, lt=LARGEST, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0.0, lt=LARGEST, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0.0, lt=LARGEST, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1)]
Options = Annotated[str, AfterValidator(_is_json)]
Tasks = Annotated[list[str], Field(min_length=1), AfterValidator(_different)]
Numbers = list[Number | None]
Count = Annotated[int, Field(ge=0)]
Positives = Annotated[int, Field(ge=1)]


class Asked(BaseModel):
    """What was asked for."""

    model_config = ConfigDict(strict=True, extra="forbid")

    experiment: Text
    figure: Figure
    data: Text
    data_options: Options
    seed: Count
    pair: Text
    targets: Tasks
    attackers: Tasks
    method: Attack
    attack: Text
    kind: Text
    budget: Positive
    radius: Positive
    start: Count
    loss: Loss | None
    lambda_1: NotNegative
    lambda_2: NotNegative
    constant: Literal["after", "before"]
    adversary: Options | None = None  # not in tables of versions before 0.2
    defense: Options | None = None
    features: Features | None
    labels: Labels | None
    step_size: Positive | None
    max_iter: Positives | None
    batch_ratio: Positive | None
    gradient: Gradient | None
    optimise_labels: bool | None
    n_starts: Positives | None
    key: Annotated[str, Field(pattern=r"\A[0-9a-f]{32}\z")]

    @model_validator(mode="after")
    def _one_attack(self) -> "Asked":
        targets, attackers = set(self.targets), set(self.attackers)
        kind = "direct" if targets == attackers else "hybrid" if targets & attackers else "indirect"
        if self.kind != kind or self.method != f"{self.attack}-{kind}":
            raise ValueError(f"method and kind must be of {self.attack} and {kind}, as its tasks are")
        needed = [*_NEEDED.get(self.attack, ()), *(["defense"] if self.figure == "defenses" else [])]
        lacking = [name for name in needed if getattr(self, name) is None]
        if lacking:
            raise ValueError(f"{self.method} needs {lacking[0]}")
        return self


class Came(Asked):
    """What came out: all of it, as far as the figure needs it, or an error alone."""

    rows_injected: Count | None
    caught: Share | None = None
    dropped: Share | None = None
    metric: Literal["NMSE", "AUC"] | None
    metric_clean: Number | None
    metric_attacked: Number | None
    damage: Number | None
    others_clean: Number | None
    others_attacked: Number | None
    task_metric_clean: Numbers | None
    task_metric_attacked: Numbers | None
    target_loss_clean: Number | None = None
    target_loss: Number | None = None
    utility_clean: Number | None
    utility: Annotated[Numbers, Field(min_length=1)] | None
    collateral: Number | None = None
    solves: Count | None = None
    solver_steps: Count | None = None
    adjoint_solves: Count | None = None
    products: Count | None = None
    gap: Number | None
    certified: bool | None
    status: Text | None
    tasks: Tasks | None
    spectrum_clean: list[Number] | None
    spectrum: list[Number] | None
    correlation_clean: Numbers | None
    correlation: Numbers | None
    error: Text | None

    @model_validator(mode="after")
    def _whole(self) -> "Came":
        came = Came.model_fields.keys() - Asked.model_fields.keys() - {"error"}
        if self.error is not None:
            held = [name for name in sorted(came) if getattr(self, name) is not None]
            if held:
                raise ValueError(f"a cell that failed has no {held[0]}")
            return self
        lacking = [name for name in _ALWAYS if getattr(self, name) is None]
        if lacking:
            raise ValueError(f"{lacking[0]} is missing, and there is no error")
        for name in ("task_metric_clean", "task_metric_attacked"):
            self._require_length(name, len(self.targets))
        if self.figure == "correlations":
            self._require_relationships()
        if self.figure == "screening":
            self._require_rankings()
        return self

    def _require_relationships(self) -> None:
        m = self._require_tasks()
        for name in ("correlation", "correlation_clean"):
            self._require_length(name, m * m)
        for name in ("spectrum", "spectrum_clean"):
            found = getattr(self, name)
            if found is None or len(found) > m:
                raise ValueError(f"{name} must hold at most {m} numbers, one a task")

    def _require_rankings(self) -> None:
        m = self._require_tasks()
        for name in LISTS:
            if not name.startswith("next_to"):
                self._require_length(name, m)
            elif getattr(self, name) is None or not set(getattr(self, name)) <= set(self.tasks or ()):
                raise ValueError(f"{name} must name tasks")

    def _require_tasks(self) -> int:
        if self.tasks is None or not {*self.targets, *self.attackers} <= set(self.tasks):
            raise ValueError("tasks must hold the targets and the attackers")
        return len(self.tasks)

    def _require_length(self, name: str, n: int) -> None:
        found = getattr(self, name)
        if found is None or len(found) != n:
            raise ValueError(f"{name} must hold {n} numbers; it holds {0 if found is None else len(found)}")


_ALWAYS = ("rows_injected", "metric", "utility", "certified", "status")
_SCREENED: dict[str, Any] = {
    name: (Tasks | None if name.startswith("next_to") else Numbers | None, None) for name in LISTS
}
StoredRow = create_model("StoredRow", __base__=Came, __doc__="A row of the table.", **_SCREENED)
