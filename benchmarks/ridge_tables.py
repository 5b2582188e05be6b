"""Other poisoners at one task, as tables."""

from collections.abc import Mapping, Sequence

from benchmarks.ridge_peers import LEADS, RUNS
from benchmarks.sheets import Json, Sheet, ranged

_HEADS = ["problem", "budget", "lambda", "peer", "labels"]


def ridge_losses(cases: Sequence[Json]) -> Sheet:
    """A row a problem and a peer: what both reached, in how many refits and seconds."""
    sheet = Sheet(
        "One task against other poisoners: loss of the clean rows, refits and seconds, medians over the seeds",
        _HEADS,
        ["clean", "start", "PATOM", "peer after as many refits", "peer, whole run", "PATOM, up to as many refits"],
    )
    for case in cases:
        cells = [_reading(case["readings"][name]) for name in RUNS]
        sheet.rows.append([*_head(case), f"{case['clean_loss']:.4g}", f"{case['start_loss']:.4g}", *cells])
    return sheet


def ridge_leads(cases: Sequence[Json]) -> Sheet:
    """A row a problem and a peer: our loss over the peer's, and the peer's time over ours."""
    sheet = Sheet(
        "PATOM's loss over the other poisoner's, less 1: mean [95 % interval] of paired differences over the seeds; "
        "last, seconds of the peer's whole run over those of PATOM's own, median (range)",
        _HEADS,
        [*(f"after {name}" for name in LEADS), "time of the peer"],
    )
    for case in cases:
        leads = [_lead(case["leads"][name]) for name in LEADS]
        sheet.rows.append([*_head(case), *leads, ranged(case["time_ratio"])])
    return sheet


def _head(case: Json) -> list[str]:
    return [case["data"], f"{case['budget']:g}", f"{case['lam']:g}", case["peer"], case["labels"]]


def _reading(reading: Json) -> str:
    loss, refits, seconds = (reading[name]["median"] for name in ("loss", "refits", "seconds"))
    return f"{loss:.4g}, {refits:.0f}, {seconds:.2g} s"


def _lead(lead: Mapping[str, float | None]) -> str:
    mean, low, high = (lead[name] for name in ("mean", "low", "high"))
    return f"{mean:+.1%}" if low is None or high is None else f"{mean:+.1%} [{low:+.1%}, {high:+.1%}]"
