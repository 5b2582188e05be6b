"""The solver's cases as tables, and the goals that they are held against."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from benchmarks.contestants import ALTERNATION, FIT, REDUCED, SOLVE
from benchmarks.sheets import Json, Sheet, mark, milliseconds, ranged, times, verdict
from benchmarks.torch_peers import METHODS

GOAL_CLARABEL, GOAL_SCS, GOAL_TORCH, GOAL_LAMBDAS = 100.0, 30.0, 1.0, 5.0
STRICT = 1e-8
"""The relative gap that the goals are about."""

_HEADS = ["data", "loss", "lambda", "gap", "rank"]
_CONIC = {"Clarabel": GOAL_CLARABEL, "SCS": GOAL_SCS}
_DETAILS = ("own clock", "over grouped rows", "over fit", "compilation", "accuracy")


def solver_times(cases: Sequence[Json]) -> Sheet:
    """A row a problem and gap: PATOM's milliseconds in its three forms, then the others' wall time over PATOM's."""
    others = _others(cases)
    sheet = Sheet(
        "Problem (1) to a certified relative gap. PATOM in ms: from grouped rows, from the reduced data, whole fit. "
        "Others: wall time over PATOM's from the reduced data, which they get too (the alternation's over that from "
        "grouped rows); 1x: a single round; >: gap not reached by then",
        _HEADS,
        ["PATOM", "reduced", "fit", "steps", *others, "goals"],
    )
    for case in cases:
        by_name = _by_name(case)
        mine = [milliseconds(by_name[form]["seconds"]) for form in (SOLVE, REDUCED, FIT)]
        cells = [_against(by_name.get(name), by_name[_base(name)], _base(name)) for name in others]
        sheet.rows.append([*_head(case), *mine, str(by_name[SOLVE]["steps"]), *cells, _goals(case)])
    return sheet


def solver_clocks(cases: Sequence[Json]) -> Sheet:
    """A row a problem and gap: the conic solvers by their own clocks, and by the wall against the whole of fit."""
    sheet = Sheet(
        "The conic solvers: by their own clocks over PATOM from the reduced data; wall time over PATOM's from grouped "
        "rows and over the whole fit; cvxpy's compilation, done once and off the clock, in ms; the accuracy that met "
        "the gap",
        _HEADS,
        [f"{name}: {what}" for name in _CONIC for what in _DETAILS],
    )
    for case in cases:
        by_name, cells = _by_name(case), []
        for name in _CONIC:
            entry = by_name.get(name)
            if entry is None:
                cells += ["-"] * len(_DETAILS)
                continue
            compilation = f"{1e3 * entry['compilation']:.0f}"
            cells += [times(entry["own_ratio"]), times(entry["ratios"].get(SOLVE)), times(entry["ratios"].get(FIT))]
            cells += [compilation, entry["setting"]]
        if any(cell != "-" for cell in cells):
            sheet.rows.append([*_head(case), *cells])
    return sheet


def solver_gaps(cases: Sequence[Json]) -> Sheet:
    """A row a problem and gap: the certified relative gap that everybody ended with."""
    names = [SOLVE, REDUCED, *_others(cases)]
    sheet = Sheet("Certified relative gap where each stopped, and after how many steps", _HEADS, names)
    for case in cases:
        by_name = _by_name(case)
        ends = [by_name.get(name) for name in names]
        cells = ["-" if end is None else f"{end['gap']:.0e}, {end['steps']}" for end in ends]
        sheet.rows.append([*_head(case), *cells])
    return sheet


def lambda_times(cases: Sequence[Json]) -> Sheet:
    """A row a data set and loss: PATOM's time over that at the largest lambda."""
    lambdas = cases[0]["lambdas"]
    sheet = Sheet(
        f"PATOM from grouped rows to {STRICT:g}: time over that at lambda {lambdas[0]:g}",
        ["data", "loss"],
        [f"{lambdas[0]:g}, ms", *(f"{lam:g}" for lam in lambdas[1:]), "steps", f"at most {GOAL_LAMBDAS:g}"],
    )
    for case in cases:
        ratios = [ranged(spread) for spread in case["ratios"][1:]]
        steps = " ".join(map(str, case["steps"]))
        met = mark(case["ratios"][-1]["median"] <= GOAL_LAMBDAS)
        sheet.rows.append([case["data"], case["loss"], milliseconds(case["seconds"][0]), *ratios, steps, met])
    return sheet


def solver_verdicts(cases: Sequence[Json]) -> Iterator[list[str]]:
    """Rows of goal, worst case with where it is, count of cases met, verdict."""
    strict = [case for case in cases if case["goal"] == STRICT]
    for name, goal in _CONIC.items():
        said = f"{name} at least {goal:g} times slower"
        yield from _verdict(strict, name, goal, _level, f"{said} through cvxpy, both from the reduced data")
        yield from _verdict(strict, name, goal, _wall, f"{said} through cvxpy, PATOM from grouped rows")
        yield from _verdict(strict, name, goal, _clock, f"{said} by its own clock, both from the reduced data")
    for name in METHODS:
        yield from _verdict(strict, name, GOAL_TORCH, _level, f"never slower than {name}, both from the reduced data")


def lambda_verdicts(cases: Sequence[Json]) -> Iterator[list[str]]:
    """As ``solver_verdicts``."""
    found = [(case["ratios"][-1]["median"], f"{case['data']}, {case['loss']}") for case in cases]
    if found:
        said = f"time at the smallest lambda at most {GOAL_LAMBDAS:g} times that at the largest"
        yield verdict(said, found, GOAL_LAMBDAS)


def _wall(entry: Json) -> Any:
    return entry["ratios"].get(SOLVE)


def _clock(entry: Json) -> Any:
    return entry["own_ratio"]


def _level(entry: Json) -> Any:
    return entry["ratios"].get(REDUCED)


def _verdict(
    cases: Sequence[Json], name: str, goal: float, read: Callable[[Json], Any], said: str
) -> Iterator[list[str]]:
    found = []
    for case in cases:
        entry = _by_name(case).get(name)
        spread = None if entry is None else read(entry)
        if spread is not None:
            found.append((spread["median"], f"{case['data']}, {case['loss']}, {case['lam']:g}"))
    if found:
        yield verdict(said, found, goal, least=True)


def _goals(case: Json) -> str:
    """What this case says to the goals; they are about the tighter gap."""
    if case["goal"] != STRICT:
        return ""
    by_name = _by_name(case)
    goals = _CONIC | dict.fromkeys(METHODS, GOAL_TORCH)
    missed = [
        name for name, goal in goals.items()
        if name in by_name and by_name[name]["ratios"] and by_name[name]["ratios"][_base(name)]["median"] < goal
    ]  # fmt: skip
    return f"missed: {', '.join(missed)}" if missed else "met"


def _against(entry: Json | None, base: Json, form: str) -> str:
    if entry is None:
        return "-"
    if not entry["ratios"]:
        return f"> {entry['seconds']['median'] / base['seconds']['median']:.3g}"
    single = " 1x" if entry["seconds"]["rounds"] == 1 else ""
    return times(entry["ratios"][form]) + single


def _base(name: str) -> str:
    """PATOM's form that starts from what this contestant starts from."""
    return SOLVE if name == ALTERNATION else REDUCED


def _others(cases: Sequence[Json]) -> list[str]:
    order = (ALTERNATION, *_CONIC, *METHODS)
    seen = {entry["contestant"] for case in cases for entry in case["entries"]}
    return [name for name in order if name in seen]


def _by_name(case: Json) -> dict[str, Json]:
    return {entry["contestant"]: entry for entry in case["entries"]}


def _head(case: Json) -> list[str]:
    return [case["data"], case["loss"], f"{case['lam']:g}", f"{case['goal']:g}", str(case["rank"])]
