"""What the page says of defenses that were tried: a table, and the lines that turn the best one on."""

import math
from collections.abc import Mapping
from typing import Any

from . import numerals


def remedies(report: Mapping[str, Any]) -> dict[str, Any] | None:
    """
    Lay out the defenses that an audit tried.

    Parameters
    ----------
    report : Mapping
        The audit's results.

    Returns
    -------
    dict or None
        ``attack`` and ``budget`` in words, ``rows`` (label, clean metric, cost, metric under who does not know the
        defense, under who does, share kept off), ``undefended`` likewise, ``best``: label and code of the defense that
        keeps off most under who knows it, or None where none keeps off anything. None without such results.

    Examples
    --------
    >>> remedies({"remedies": None}) is None
    True
    """
    told = report.get("remedies")
    if not told or not told["remedies"]:
        return None
    metric = str(report["model"]["metric"])
    measured = [entry for entry in told["remedies"] if (entry["kept_off"]["mean"] or 0.0) > 0.0]
    best = max(measured, key=lambda entry: float(entry["kept_off"]["mean"]), default=None)
    return {
        "attack": told["label"],
        "budget": numerals.budget(told["budget"]),
        "rows": [_row(entry, metric, best=entry is best) for entry in told["remedies"]],
        "undefended": [numerals.metric(told[name]["mean"], metric) for name in ("clean", "attacked")],
        "best": None if best is None else {"label": best["label"], "code": best["code"]},
    }


def _row(entry: Mapping[str, Any], metric: str, *, best: bool) -> dict[str, Any]:
    clean, naive, known = (numerals.metric(entry[name]["mean"], metric) for name in ("clean", "naive", "known"))
    cost, off = (entry[name] for name in ("cost", "kept_off"))
    return {
        "label": entry["label"],
        "best": best,
        "cells": [
            (clean, ""),
            (numerals.percent(cost["mean"]), ""),
            (naive, _inside(entry["naive"], metric)),
            (known, _inside(entry["known"], metric)),
            (numerals.percent(off["mean"]), _share(off)),
        ],
    }


def _inside(value: Mapping[str, Any], metric: str) -> str:
    low, high = numerals.number(value["low"]), numerals.number(value["high"])
    return "" if math.isnan(low + high) else numerals.metric_interval(low, high, metric)


def _share(value: Mapping[str, Any]) -> str:
    low, high = numerals.number(value["low"]), numerals.number(value["high"])
    return "" if math.isnan(low + high) else numerals.percent_interval(low, high)
