"""The machine's limits and the growth with tasks and rows as tables, and the goals that they are held against."""

from collections.abc import Iterator, Sequence

from benchmarks.scale_bench import ARRAYS_GOAL, SLOPE_GOAL
from benchmarks.sheets import Json, Sheet, mark, ranged, verdict


def limits_table(cases: Sequence[Json]) -> Sheet:
    """A row a limit."""
    sheet = Sheet("What the machine can do", ["what", "unit"], ["threads", "rate"])
    for case in cases:
        for limit in case["limits"]:
            unit = "GB/s" if limit["what"] == "streaming" else "10^9 operations/s"
            sheet.rows.append([limit["what"], unit, str(limit["threads"]), ranged(limit["rate"])])
    return sheet


def shares_table(cases: Sequence[Json]) -> Sheet:
    """A row a loop of ours."""
    size = cases[0]["gigabytes"]
    sheet = Sheet(
        f"Our passes over {size:.2g} GB of rows: time over that of reading them once; where operations bind, time over "
        "that of theirs at a matrix product's rate",
        ["pass"],
        ["threads", "GB/s", "over reading", "over operations", "goal", "verdict"],
    )
    for case in cases:
        for share in case["shares"]:
            goal, product = share["goal"], share["over_product"]
            said = "-" if goal is None else mark(share["over_stream"]["median"] <= goal)
            cells = [str(share["threads"]), f"{share['rate']:.3g}", ranged(share["over_stream"])]
            cells += ["-" if product is None else ranged(product), "-" if goal is None else f"{goal:g}", said]
            sheet.rows.append([share["what"], *cells])
    return sheet


def limits_verdicts(cases: Sequence[Json]) -> Iterator[list[str]]:
    """Goal, worst case, cases met, verdict."""
    shares = [share for case in cases for share in case["shares"] if share["goal"] is not None]
    for goal in sorted({share["goal"] for share in shares}):
        said = "a whole iteration" if goal > 1.5 else "a pass over the rows"
        found = [
            (share["over_stream"]["median"], f"{share['what']}, threads: {share['threads']}")
            for share in shares if share["goal"] == goal
        ]  # fmt: skip
        yield verdict(f"{said} at most {goal:g} times reading them", found, goal)


def scale_table(cases: Sequence[Json]) -> Sheet:
    """A row a size."""
    sheet = Sheet(
        "fit as tasks and rows grow, 50 features, a fresh process each: ten iterations and the whole fit in seconds; "
        "peak of memory beyond the data, in (m x d) arrays",
        ["grows", "loss"],
        ["tasks", "rows of each", "data, MB", "10 iterations", "fit", "its steps", "peak, MB", "arrays"],
    )
    for case in cases:
        for reading in case["readings"]:
            size = reading["size"]
            cells = [f"{size['tasks']:,}", f"{size['rows']:,}", f"{reading['data_bytes'] / 1e6:,.0f}"]
            cells += [f"{reading[name]['median']:.3g}" for name in ("iterations", "fit")]
            cells += [str(reading["steps"]), f"{reading['peak_bytes'] / 1e6:,.0f}", f"{reading['arrays']:.3g}"]
            sheet.rows.append([case["axis"], case["loss"], *cells])
    return sheet


def slopes_table(cases: Sequence[Json]) -> Sheet:
    """A row an axis: the slope of log time over log size, and what failed."""
    sheet = Sheet(
        "Slope of log time over log size",
        ["grows", "loss"],
        ["10 iterations", "fit", f"at most {SLOPE_GOAL:g}", "failed"],
    )
    for case in cases:
        slopes = [ranged(case["slopes"][name]) if name in case["slopes"] else "-" for name in ("iterations", "fit")]
        met = all(slope["median"] <= SLOPE_GOAL for slope in case["slopes"].values()) and not case["failed"]
        sheet.rows.append([case["axis"], case["loss"], *slopes, mark(met), "; ".join(case["failed"]) or "-"])
    return sheet


def scale_verdicts(cases: Sequence[Json]) -> Iterator[list[str]]:
    """Goal, worst case, cases met, verdict."""
    for name, said in (("iterations", "time of ten iterations"), ("fit", "time of a whole fit")):
        slopes = [
            (case["slopes"][name]["median"], f"{case['axis']}, {case['loss']}")
            for case in cases if name in case["slopes"]
        ]  # fmt: skip
        if slopes:
            yield verdict(f"{said} linear in size: slope at most {SLOPE_GOAL:g}", slopes, SLOPE_GOAL)
    arrays = [
        (reading["arrays"], f"{reading['size']['tasks']} tasks of {reading['size']['rows']}, {case['loss']}")
        for case in cases for reading in case["readings"]
        if case["axis"] == "tasks"
    ]  # fmt: skip
    if arrays:
        yield verdict(f"peak memory at most the data and {ARRAYS_GOAL:g} (m x d) arrays", arrays, ARRAYS_GOAL)
