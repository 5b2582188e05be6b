"""``python -m benchmarks.certificates``: the figures of ``docs/certificates.md``; two to four minutes on one core.

Needs the SARCOS test file in the data home.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from patom import MTRLClassifier, MTRLRegressor, ProjectedAscent, ThreatModel
from patom.attacks import AttackResult, loss_bound
from patom.datasets import load_digits_tasks, load_sarcos
from patom.datasets.dataset import Dataset
from patom.defenses import ITrim, PartitionMedian, Reweighted
from patom.metrics import mean_over_tasks, nmse, per_task

LAMBDAS = (0.1, 0.01)
COUNTS = (0, 1, 2, 5, 10, 20, 30)


def cases() -> Iterator[tuple[Dataset, Any, list[int], list[int], float | None]]:
    """Data, model, targets, other attackers, and how far a prediction may be off."""
    sarcos, digits = load_sarcos(source="test_file", standardise_targets=True), load_digits_tasks()
    for value in LAMBDAS:
        yield sarcos, MTRLRegressor(value, value), [1, 2, 3], [4, 5, 6], 1.0
    for value in LAMBDAS:
        yield digits, MTRLClassifier(value, value), [0, 1, 2], [3, 4, 5], None


def attack(data: Dataset, model: Any, threat: ThreatModel, *, labels: bool, n_starts: int) -> AttackResult:
    """The ascent, seed 0."""
    X, y, task = data.train
    ascent = ProjectedAscent(max_iter=40, n_starts=n_starts, optimise_labels=labels)
    return ascent.poison(model, X, y, task=task, threat=threat, random_state=0)


def target_nmse(data: Dataset, model: Any, targets: list[int]) -> float:
    """Mean NMSE of the targets' test rows."""
    chosen = np.isin(data.test.task, targets)
    X, y, task = (part[chosen] for part in data.test)
    return float(mean_over_tasks(per_task(nmse, y, model.predict(X, task=task), task)))


def certified(data: Dataset, model: Any, within: float | None) -> None:
    """Curves of ``PartitionMedian``."""
    for n_parts in (11, 31, 101):
        fitted = PartitionMedian(model, n_parts=n_parts).fit(*data.train)
        curve = fitted.certify(*data.test, within=within).curve()
        rows = [count for count in COUNTS if count < len(curve)]
        print(f"  {n_parts} parts, rows {rows}: certified {curve['certified'][rows].round(2)}", end="")
        print(f", error {curve['error'][rows].round(2)}")


def bounds(data: Dataset, model: Any, targets: list[int], others: list[int]) -> None:
    """``loss_bound`` beside the ascent."""
    X, y, task = data.train
    for attackers in (targets, others):
        for budget in (0.01, 0.05, 0.2):
            threat = ThreatModel(targets, attackers, budget)
            found = loss_bound(model, X, y, task=task, threat=threat)
            reached = attack(data, model, threat, labels=True, n_starts=3).utility
            print(f"  {threat.kind} {budget}: clean {found.clean:.2f}, its rows {found.lower:.2f}, ", end="")
            print(f"ascent {reached:.2f}, bound {found.value:.2f}, over {found.value / reached:.2f}")


def shares(data: Dataset, model: Any, targets: list[int]) -> None:
    """``ITrim`` on clean and on attacked rows."""
    X, y, task = data.train
    print(f"  clean: {1.0 - ITrim(model).keep(X, y, task).kept.mean():.3f} dropped")
    for budget in (0.05, 0.2):
        for labels in (False, True):
            found = attack(data, model, ThreatModel(targets, targets, budget), labels=labels, n_starts=1)
            *rows, injected = found.combine(X, y, task)
            estimates = ITrim(model).path(*rows).estimates[:3].round(3)
            gone = ~ITrim(model).keep(*rows).kept
            print(f"  budget {budget}, labels {labels}: estimates {estimates}, ", end="")
            print(f"caught {gone[injected].mean():.2f}, clean dropped {gone[~injected].mean():.3f}")


def robust(data: Dataset, model: Any, targets: list[int]) -> None:
    """``Reweighted`` and ``PartitionMedian`` under replayed attacks."""
    defenses = {
        "squared error": model,
        **{loss: Reweighted(model, loss) for loss in ("huber", "cauchy", "tukey")},
        "tukey from huber": Reweighted(model, start="huber"),
        **{f"{n_parts} parts": PartitionMedian(model, n_parts=n_parts) for n_parts in (11, 101)},
    }
    threat = ThreatModel(targets, targets, 0.2)
    attacks = [attack(data, model, threat, labels=labels, n_starts=3) for labels in (False, True)]
    X, y, task = data.train
    for name, defense in defenses.items():
        fits = [defense.fit(X, y, task=task), *(found.replay(defense, X, y, task=task) for found in attacks)]
        clean, features, both = (target_nmse(data, fit, targets) for fit in fits)
        print(f"  {name}: NMSE clean {clean:.2f}, features attacked {features:.2f}, and labels {both:.2f}")


def main() -> None:
    """All tables, as text."""
    for data, model, targets, others, within in cases():
        print(f"{data.name}, lambda {model.lambda_1}")
        certified(data, model, within)
        bounds(data, model, targets, others)
        shares(data, model, targets)
        if within is not None:
            robust(data, model, targets)


if __name__ == "__main__":
    main()
