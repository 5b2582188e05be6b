"""A full set of audit results, made up but shaped like real ones."""

from typing import Any

import numpy as np

ATTACKS = {
    "random-direct": ("random, direct", 0.28),
    "random-indirect": ("random, indirect", 0.01),
    "ascent-direct": ("optimised, direct", 1.35),
    "ascent-indirect": ("optimised, indirect", 0.16),
}


def build_report(
    *,
    tasks: list[str] | int = 10,
    budgets: tuple[float, ...] = (0.05, 0.1, 0.2, 0.3),
    metric: str = "AUC",
    scale: float = 1.0,
    seed: int = 0,
) -> dict[str, Any]:
    """Results for ``tasks`` tasks; ``scale`` multiplies all damages."""
    rng = np.random.default_rng(seed)
    names = [str(index) for index in range(tasks)] if isinstance(tasks, int) else tasks
    clean = 0.978 if metric == "AUC" else 0.0731
    curves = _curves(rng, budgets, metric, clean, scale, alone=len(names) == 1)
    worst = max(curves, key=lambda point: point["damage"]["mean"])
    return {
        "schema": 1,
        "patom_version": "0.1.0",
        "seed": seed,
        "data": _data(rng, names, metric, clean),
        "model": _model(metric, clean),
        "setting": {
            "budgets": list(budgets),
            "n_seeds": 5,
            "attack": "ascent",
            "iterations": 40,
            "step_size": None,
            "step_sizes": {},
            "confidence": 0.95,
            "targets": "a random half of the tasks, drawn anew for each seed",
            "attackers": "direct: the targets themselves; indirect: the other tasks",
            "injected_norm": 1.0,
        },
        "curves": curves,
        "exposure": _exposure(rng, names, scale),
        "relationships": _relationships(rng, names, budgets[-1]),
        "verdict": {
            "level": "high",
            "headline": (
                f"An attacker who adds {100 * budgets[-1]:.0f} % rows to half of the tasks "
                f"takes {100 * worst['damage']['mean']:.0f} % of their {metric}."
            ),
            "worst_damage": worst["damage"]["mean"],
            "worst": {key: worst[key] for key in ("attack", "label", "budget")} | worst["damage"],
            "sentences": [
                "Random rows of the same number take 8 %: the optimised rows do most of the harm.",
                "Through other tasks alone (indirect) the same attacker takes 4.8 %.",
                "From a budget of 5 % on the damage is larger than the spread over seeds.",
            ],
        },
        "fail_above": {"threshold": 0.25, "exceeded": worst["damage"]["mean"] > 0.25},
    }


def _curves(
    rng: np.random.Generator,
    budgets: tuple[float, ...],
    metric: str,
    clean: float,
    scale: float,
    *,
    alone: bool,
) -> list[dict[str, Any]]:
    sign = -1.0 if metric == "AUC" else 1.0
    points = []
    for attack, (label, strength) in ATTACKS.items():
        if alone and attack.endswith("indirect"):
            continue
        for budget in budgets:
            mean = scale * strength * budget * (1 + 0.1 * rng.standard_normal())
            half = 0.2 * abs(mean) + 0.004 * scale
            damage = {"mean": mean, "low": mean - half, "high": mean + half}
            ends = sorted(clean * (1 + sign * value) for value in (mean - half, mean + half))
            value = {"mean": clean * (1 + sign * mean), "low": ends[0], "high": ends[1]}
            bystander = None if alone else {"mean": clean - 0.004, "low": clean - 0.009, "high": clean + 0.001}
            points.append(
                {"attack": attack, "label": label, "budget": budget, "n_seeds": 5, "metric": value}
                | {"damage": damage, "bystander_metric": bystander}
            )
    return points


def _data(rng: np.random.Generator, names: list[str], metric: str, clean: float) -> dict[str, Any]:
    rows = [{"task": name, "n_train": 250, "n_test": 110} for name in names]
    for row in rows:
        row["clean"] = clean + 0.01 * rng.uniform(-1, 1)
    regression = metric == "NMSE"
    return {
        "name": "digits",
        "source": "embedded: scikit-learn's handwritten digits",
        "kind": "regression" if regression else "classification",
        "kind_reason": "the target holds 812 numbers" if regression else "the target holds two classes",
        "task_column": "digit",
        "target_column": "is_digit",
        "positive_class": None if regression else "1",
        "n_rows": 360 * len(names),
        "n_train": 250 * len(names),
        "n_test": 110 * len(names),
        "n_features": 62,
        "features": [f"pixel_{row}_{column}" for row in range(8) for column in range(8)],
        "scale": {"standardised": False, "norm": 75.2},
        "tasks": rows,
        "notes": ["2 constant features were left out: pixel_0_0, pixel_4_0."],
    }


def _model(metric: str, clean: float) -> dict[str, Any]:
    return {
        "estimator": "MTRLClassifier" if metric == "AUC" else "MTRLRegressor",
        "loss": "squared_hinge" if metric == "AUC" else "squared_error",
        "lambda_1": 0.01,
        "lambda_2": 0.001,
        "lambdas_chosen_by": "3-fold cross-validation",
        "cross_validation": [
            {"lambda_1": first, "lambda_2": second, "score": 0.97 - 0.2 * abs(first - 0.01) - second}
            for first in (0.1, 0.01, 0.001)
            for second in (0.1, 0.01, 0.001)
        ],
        "metric": metric,
        "clean": clean,
        "objective": 1.234567,
        "duality_gap": 3.1e-9,
        "status": "converged: the duality gap is at most the tolerance",
    }


def _exposure(rng: np.random.Generator, names: list[str], scale: float) -> dict[str, Any]:
    size = len(names)
    damage = 0.02 * rng.standard_normal((size, size)) ** 3 + 0.005
    damage[np.diag_indices(size)] = rng.uniform(0.1, 0.45, size)
    return {
        "budget": 0.2,
        "tasks": names,
        "all_tasks_shown": True,
        "damage": (scale * damage).tolist(),
        "rows_injected": [50] * size,
    }


def _relationships(rng: np.random.Generator, names: list[str], budget: float) -> dict[str, Any]:
    size = len(names)

    def moment(rank: int) -> dict[str, Any]:
        factor = rng.standard_normal((size, max(1, min(rank, size)))) * 0.6 ** np.arange(max(1, min(rank, size)))
        covariance = factor @ factor.T
        spread = np.sqrt(np.diag(covariance))
        values = np.maximum(np.linalg.eigvalsh(covariance)[::-1], 0.0)
        return {
            "correlation": (covariance / np.outer(spread, spread)).tolist(),
            "spectrum": (values / values.sum()).tolist(),
        }

    return {
        "attack": "ascent-hybrid",
        "label": "optimised, hybrid",
        "budget": budget,
        "targets": names[: (size + 1) // 2],
        "attackers": names,
        "tasks": names,
        "before": moment(6),
        "after": moment(2),
    }


NOTHING = {"mean": None, "low": None, "high": None}


def between(mean: float, half: float = 0.05) -> dict[str, float]:
    """A mean and its interval."""
    return {"mean": mean, "low": mean - half, "high": mean + half}


def remedy(label: str, off: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A defense that was tried, which keeps off that much."""
    levels = {"clean": 0.9, "cost": 0.01, "naive": 0.85, "known": 0.7}
    told = {"label": label, "code": f"model = {label}", "objection": "", "kept_off": off}
    return told | {name: between(mean) for name, mean in levels.items()} | changes


def build_helped() -> dict[str, Any]:
    """Results of three tasks and two budgets with remedies, which face the first curve."""
    small = build_report(tasks=3, budgets=(0.1, 0.3))
    first = small["curves"][0]
    listed = [remedy("A", between(0.4)), remedy("B & <B>", between(0.7)), remedy("C", NOTHING, naive=NOTHING)]
    small["remedies"] = {name: first[name] for name in ("attack", "label", "budget")}
    small["remedies"] |= {"clean": between(0.95), "attacked": between(0.2), "remedies": listed}
    small["remedies"] |= {"recommended": "B & <B>", "reason": "B helps most.", "cost_limit": 0.1}
    return small
