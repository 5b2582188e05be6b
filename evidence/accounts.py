"""What the docs show of accounts that an attacker opens, from the table of ``benchmarks.accounts``."""

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import pyarrow.parquet as pq

from evidence.markdown import table
from evidence.results import KEPT, Row
from patom.intervals import interval
from patom.paper.findings.rows import CONFIDENCE, grouped, within
from patom.results.parts import Interval
from patom.wording import percent, two_digits

WEIGHTS = {"tasks": "each task 1", "rows": "by rows", "capped": "capped"}
OF_THEIR_OWN = ("RMTFL", "ARMUL", "loss-weighted")  # learners that weigh tasks by their rows


@cache
def measured(name: str) -> list[Row]:
    return [row for row in pq.read_table(KEPT / "accounts.parquet").to_pylist() if row["part"] == name]


def _over_seeds(rows: list[Row], column: str) -> Interval:
    return interval([row[column] for row in rows], CONFIDENCE)


def _three(value: float) -> str:
    return f"{value:.3f}"


def against_targets() -> str:
    """Rise of three targets' training loss by where the rows go."""
    rows = []
    for (data, where), part in grouped(measured("targets"), lambda row: (row["data"], row["where"])).items():
        metric = [within(_over_seeds(part, name), two_digits) for name in ("metric_clean", "metric")]
        injected = f"{_over_seeds(part, 'rows_injected').mean:.0f}"
        rows.append([data, where, injected, within(_over_seeds(part, "rise"), percent), *metric])
    return table(
        ["data", "rows go into", "rows", "rise of the training loss", "test NMSE or AUC, clean", "attacked"], rows
    )


def of_everybody() -> str:
    """Mean test metric of all tasks, by lambda, weights of tasks and number of see-saw accounts."""
    found = grouped(measured("everybody"), lambda row: (row["data"], row["lambda"], row["weights"]))
    numbers = sorted({row["accounts"] for row in measured("everybody")})
    rows = []
    for (data, value, weights), part in found.items():
        at = grouped(part, "accounts")
        cells = [within(_over_seeds(at[k], "metric"), two_digits) for k in numbers]
        rows.append(
            [
                data,
                f"{value:g}",
                WEIGHTS[weights],
                within(_over_seeds(part[:: len(numbers)], "metric_clean"), two_digits),
                *cells,
            ]
        )
    return table(["data", "lambda", "tasks weigh", "clean", *(f"{k} accounts" for k in numbers)], rows)


def closed_form() -> str:
    """The see-saw alone, the best of six ascents, and their ratio."""
    rows = []
    for k, part in grouped(measured("closed_form"), "accounts").items():
        of = grouped(part, "attack")
        rises = [_over_seeds(of[name], "rise") for name in ("see-saw", "ascent")]
        rows.append(
            [
                str(k),
                *(within(each, percent) for each in rises),
                percent((rises[0].mean or 0.0) / (rises[1].mean or 1.0)),
            ]
        )
    return table(["accounts of 2 rows", "see-saw", "best of six ascents", "share"], rows)


def weighed() -> str:
    """Adaptive ascents: accounts beside as many rows in three other tasks."""
    rows = []
    for (weights, k), part in grouped(measured("weighed"), lambda row: (row["weights"], row["accounts"])).items():
        of = grouped(part, "where")
        rises = [_over_seeds(of[name], "rise") for name in ("accounts", "other tasks")]
        rows.append([WEIGHTS[weights], f"{k} accounts of 2 rows", *(within(each, percent) for each in rises)])
    return table(["tasks weigh", "rows", "rise by accounts", "rise by as many rows in three other tasks"], rows)


def bounds() -> str:
    """The ascent below, the bounds above."""
    rows = []
    for (weights, k), part in grouped(measured("bounds"), lambda row: (row["weights"], row["accounts"])).items():
        found = [
            _over_seeds(part, name).mean
            for name in ("loss_clean", "loss", "bound_zero", "bound_flooding", "bound_game")
        ]
        rows.append([WEIGHTS[weights], str(k), *(_three(value or 0.0) for value in found)])
    return table(["tasks weigh", "accounts", "clean", "best attack found", "loss at zero", "flooding", "game"], rows)


def unbalanced() -> str:
    """What weights by rows cost on clean rows."""
    rows = []
    for (data, value), part in grouped(measured("unbalanced"), lambda row: (row["data"], row["lambda"])).items():
        of = grouped(part, "weights")
        cells = [
            within(_over_seeds(of[name], column), two_digits)
            for column in ("metric", "metric_small")
            for name in WEIGHTS
        ]
        rows.append([data, f"{value:g}", *cells])
    heads = [f"{who}: {name}" for who in ("all tasks", "smallest third") for name in WEIGHTS.values()]
    return table(["data", "lambda", *heads], rows)


def large() -> str:
    """A single account of many rows, by what tasks weigh."""
    numbers = sorted({row["rows_injected"] for row in measured("large")})
    rows = []
    for weights, part in grouped(measured("large"), "weights").items():
        of = grouped(part, "rows_injected")
        rows.append([WEIGHTS[weights], *(within(_over_seeds(of[n], "rise"), percent) for n in numbers)])
    return table(["tasks weigh", *(f"{n:,} rows" for n in numbers)], rows)


def many() -> str:
    """Training loss of thousands of honest tasks over that of predicting 0, by accounts over tasks."""
    shares = sorted({row["share"] for row in measured("many")})
    rows = []
    for (m, strength), part in grouped(measured("many"), lambda row: (row["tasks"], row["lambda_2"])).items():
        at = grouped(part, "share")
        cells = {share: within(_over_seeds(rows_, "loss"), two_digits) for share, rows_ in at.items()}
        rows.append([f"{m:,}", strength, *(cells.get(share, "") for share in shares)])
        if all(row["bound"] is not None for row in part if row["share"]):
            bounds = [within(_over_seeds(at[share], "bound"), two_digits) if share else "" for share in shares]
            rows.append([f"{m:,}", f"{strength}, certified bound", *bounds])
    return table(["honest tasks", "lambda_2", *(f"accounts {percent(share)}" for share in shares)], rows)


def defended() -> str:
    """What each defense prevents, without and with accounts, with tasks that weigh alike or by their rows."""
    rows = []
    for (data, where), part in grouped(measured("defended"), lambda row: (row["data"], row["where"])).items():
        of = grouped(part, lambda row: (row["defense"], row["weights"]))
        plain = of.pop(("none", "tasks"))
        rows.append([data, where, "none", "each task 1", *_metrics(plain), "", "", ""])
        for (defense, weights), found in of.items():
            kept = [_kept(found, plain, column) for column in ("metric", "metric_accounts")]
            held = kept[1] >= 0.5 * kept[0] if kept[0] > 0.05 else None
            verdict = "" if held is None else "yes" if held else "**no**"
            weighed = "by rows, itself" if defense in OF_THEIR_OWN else WEIGHTS[weights]
            rows.append([data, where, defense, weighed, *_metrics(found), *map(percent, kept), verdict])
    heads = ["clean", "attacked", "and accounts", "prevented", "with accounts", "at least half left"]
    return table(["data", "rows go into", "defense", "tasks weigh", *heads], rows)


def _metrics(rows: list[Row]) -> list[str]:
    return [within(_over_seeds(rows, name), two_digits) for name in ("metric_clean", "metric", "metric_accounts")]


def _kept(defended: list[Row], plain: list[Row], column: str) -> float:
    """The share of the damage that is prevented, both counted from the better clean model; means over seeds."""
    clean, attacked = (np.array([row[name] for row in plain]) for name in ("metric_clean", column))
    ours, left = (np.array([row[name] for row in defended]) for name in ("metric_clean", column))
    errors = attacked.mean() > clean.mean()  # NMSE, and 1 - AUC
    best = np.minimum(clean, ours) if errors else np.maximum(clean, ours)
    return float(1.0 - (left - best).mean() / (attacked - best).mean())


def split() -> str:
    """Rise of three targets' training loss by the number of accounts that share the rows, the best in bold."""
    numbers = sorted({row["accounts"] for row in measured("split")})
    found = grouped(measured("split"), lambda row: (row["data"], row["lambda"], row["rows_injected"]))
    rows = []
    for (data, value, injected), part in found.items():
        rises = {k: _over_seeds(at, "rise") for k, at in grouped(part, "accounts").items()}
        best = max(rises, key=lambda k: rises[k].mean or 0.0)
        cells = {k: within(rise, percent) for k, rise in rises.items()}
        cells[best] = f"**{cells[best]}**"
        rows.append([data, f"{value:g}", str(injected), *(cells.get(k, "") for k in numbers)])
    heads = [f"{k} account{'s' if k > 1 else ''}" for k in numbers]
    return table(["data", "lambda", "rows", *heads], rows)


def newcomers() -> str:
    """How well the rankings of new tasks tell accounts from honest ones, and what all new tasks do together."""
    scores = ("share", "alone", "loss_rise", "marginal_loss_rise", "suspicion")
    rows = []
    for (data, strength, k), part in grouped(
        measured("newcomers"), lambda row: (row["data"], row["strength"], row["accounts"])
    ).items():
        known = [name for name in scores if part[0][f"auc_{name}"] is not None]
        areas = {name: within(_over_seeds(part, f"auc_{name}"), two_digits) for name in known}
        rises = [percent(_over_seeds(part, name).mean or 0.0) for name in ("loss_rise_honest", "loss_rise")]
        rows.append([data, str(k), f"{strength:g}", *(areas.get(name, "") for name in scores), *rises])
    heads = ["share", "influence alone", "loss, alone", "loss, last", "suspicion of `screen`"]
    return table(["data", "accounts", "targets times", *heads, "loss rise: ten honest", "and the accounts"], rows)


TABLES: Mapping[str, Callable[[], str]] = {
    "targets": against_targets, "everybody": of_everybody, "closed_form": closed_form, "weighed": weighed,
    "bounds": bounds, "unbalanced": unbalanced, "many": many, "split": split, "defended": defended, "large": large,
}  # fmt: skip
"""What makes each of the page's tables."""
