"""Attacks as tables, and the goal that PATOM's iteration is held against."""

from collections.abc import Iterator, Sequence

from benchmarks.sheets import Json, Sheet, mark, milliseconds, ranged, verdict

_SYSTEMS = {"ascent": "as in an ascent", "1e-3": "products, to 1e-3", "1e-6": "products, to 1e-6"}


def sweep_table(cases: Sequence[Json]) -> Sheet:
    """A row a sweep: NumPy's time over the compiled code's, and the rate of operations."""
    labels = list(cases[0]["ratios"])
    sheet = Sheet(
        "PATOM's sweep: time of the NumPy loop over the compiled code's; 10^9 operations a second (4 for each injected "
        "row, sample and feature) and the share of a matrix product's rate on as many threads",
        ["data", "attack"],
        ["injected rows", "samples", "NumPy, ms", *labels, *(f"rate, {label}" for label in labels), "difference"],
    )
    for case in cases:
        sizes = [str(case["injected_rows"]), str(case["samples"]), milliseconds(case["numpy_seconds"])]
        ratios = [ranged(case["ratios"][label]) for label in labels]
        rates = [f"{case['rates'][label]:.3g} ({case['shares'][label]['median']:.0%})" for label in labels]
        difference = f"{case['largest_difference']:.0e}"
        sheet.rows.append([case["data"], case["attack"], *sizes, *ratios, *rates, difference])
    return sheet


def attack_table(cases: Sequence[Json]) -> Sheet:
    """A row an attack: where its time goes."""
    sheet = Sheet(
        "Where a PATOM run's time goes (10 iterations, digits)",
        ["attack", "lambda"],
        ["injected rows", "seconds", "solve", "sweep", "rest", "solver steps, random start and iterations"],
    )
    for case in cases:
        shares = [f"{case[share]['median']:.0%}" for share in ("solve", "sweep", "rest")]
        steps = " ".join(map(str, case["solver_steps"]))
        took = f"{case['seconds']['median']:.2g}"
        row = [case["attack"], f"{case['lam']:g}", str(case["injected_rows"]), took, *shares, steps]
        sheet.rows.append(row)
    return sheet


def adjoint_table(cases: Sequence[Json]) -> Sheet:
    """A row a warm solve and the linear systems beside it."""
    sheet = Sheet(
        "The exact gradient's linear system, its time over that of the warm solve beside it",
        ["data", "attack", "lambda", "move before"],
        ["solve, ms", *_SYSTEMS.values()],
    )
    for case in cases:
        ratios = [ranged(case["ratios"][setting]) for setting in _SYSTEMS]
        head = [case["data"], case["kind"], f"{case['lam']:g}", case["move"]]
        sheet.rows.append([*head, milliseconds(case["solve_seconds"]), *ratios])
    return sheet


def steps_table(cases: Sequence[Json]) -> Sheet:
    """A row an iteration: ours in milliseconds, the others' time over it."""
    others = list(dict.fromkeys(name for case in cases for name in case["ratios"]))
    sheet = Sheet(
        "One iteration, gradient, move and warm solve to 1e-8: time of the others over PATOM's; solver steps of all; "
        "how far the others' gradients are from ours, 1 - cosine",
        ["data", "attack", "iteration", "lambda"],
        ["injected rows", "PATOM, ms", *others, "steps", "1 - cosine"],
    )
    for case in cases:
        head = [case["data"], case["kind"], case["iteration"], f"{case['lam']:g}"]
        ratios = [ranged(case["ratios"][name]) if name in case["ratios"] else "-" for name in others]
        steps = " ".join(str(count) for count in case["solver_steps"].values())
        apart = " ".join(f"{1.0 - cosine:.0e}" for cosine in case["cosines"].values()) or "-"
        mine = milliseconds(case["seconds"]["PATOM"])
        sheet.rows.append([*head, str(case["injected_rows"]), mine, *ratios, steps, apart])
    return sheet


def iteration_table(cases: Sequence[Json]) -> Sheet:
    """A row a setting: PATOM's iteration over what it may take."""
    sheet = Sheet(
        "One PATOM iteration on MNIST's protocol: seconds over 1.5 warm solves and 4 r b d operations at half of a "
        "matrix product's rate on all cores; on one core",
        ["attack", "lambda"],
        ["r", "b", "d", "iteration, ms", "its solve, ms", "over all cores'", "over one core's", "at most 1"],
    )
    for case in cases:
        sizes = [str(case[name]) for name in ("injected_rows", "samples", "features")]
        took = [milliseconds(case[name]) for name in ("seconds", "solve_seconds")]
        ratios = [ranged(case[name]) for name in ("over_allowance", "over_one_core")]
        met = mark(case["over_allowance"]["median"] <= 1.0)
        sheet.rows.append([case["kind"], f"{case['lam']:g}", *sizes, *took, *ratios, met])
    return sheet


def iteration_verdicts(cases: Sequence[Json]) -> Iterator[list[str]]:
    """Goal, worst case, cases met, verdict."""
    found = [(case["over_allowance"]["median"], f"{case['kind']}, {case['lam']:g}") for case in cases]
    if found:
        goal = "one PATOM iteration on MNIST at most 1.5 warm solves and its operations at half the rate"
        yield verdict(goal, found, 1.0)


def svm_table(cases: Sequence[Json]) -> Sheet:
    """A row a party: what it reached, and how long it took."""
    sheet = Sheet(
        "One task, two classes against ART's poisoner of support vector machines, equal rows and iterations: mean loss "
        "of the clean rows under either victim, medians over the seeds; processor seconds; ART's time over ours",
        ["data", "rows", "party"],
        ["squared hinge", "hinge", "seconds", "ART's time"],
    )
    for case in cases:
        for name, loss in case["squared_hinge"].items():
            took = case["seconds"].get(name)
            ratio = case["ratios"].get(name)
            party = case["peer"] if name == "ART" else name
            rows = f"{case['rows']} and {0 if name == 'clean' else case['injected_rows']}"
            cells = [ranged(loss), ranged(case["hinge"][name])]
            cells += ["-" if took is None else f"{took['median']:.3g}", "-" if ratio is None else ranged(ratio)]
            sheet.rows.append([case["data"], rows, party, *cells])
    return sheet
