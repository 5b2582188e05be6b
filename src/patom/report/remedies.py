"""What the page says of defenses that were tried: a table, and the lines that turn the best one on."""

import math
from collections.abc import Mapping
from typing import Any

from . import numerals

_UNJUDGED = "These results say of no defense whether it can be recommended: run the audit again."


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
        defense, under who does, share kept off, what speaks against it), ``undefended`` likewise, ``best``: label and
        code of the defense that the audit recommends, or None; ``reason`` for either and the ``limit`` on the cost.
        None without such results. Those of earlier versions recommend nothing.

    Examples
    --------
    >>> remedies({"remedies": None}) is None
    True
    """
    told = report.get("remedies")
    if not told or not told["remedies"]:
        return None
    metric = str(report["model"]["metric"])
    label = told.get("recommended")
    best = next((entry for entry in told["remedies"] if label is not None and entry["label"] == label), None)
    return {
        "attack": told["label"],
        "budget": numerals.budget(told["budget"]),
        "rows": [_row(entry, metric, best=entry is best) for entry in told["remedies"]],
        "undefended": [numerals.metric(told[name]["mean"], metric) for name in ("clean", "attacked")],
        "best": None if best is None else {"label": best["label"], "code": best["code"]},
        "reason": told.get("reason") or _UNJUDGED,
        "notes": told.get("notes") or [],
        "limit": numerals.percent(told["cost_limit"]) if "cost_limit" in told else None,
    }


def _row(entry: Mapping[str, Any], metric: str, *, best: bool) -> dict[str, Any]:
    clean, naive, known = (numerals.metric(entry[name]["mean"], metric) for name in ("clean", "naive", "known"))
    cost, off = (entry[name] for name in ("cost", "kept_off"))
    return {
        "label": entry["label"],
        "best": best,
        "objection": entry.get("objection") or "",
        "cells": [
            (clean, ""),
            (numerals.percent(cost["mean"]), _share(cost)),
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
