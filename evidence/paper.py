"""What README, ``docs/paper.md`` and ``docs/settings.md`` show of the paper's experiments."""

from collections import Counter
from functools import cache
from typing import Any

from evidence.markdown import table
from evidence.results import kept
from patom.paper import findings
from patom.paper.findings.rows import by_budget, experiments, grouped, over_seeds, within
from patom.wording import percent

FIGURES = ("fig1", "fig2", "fig3")
ATTACKS = {
    "patom-direct": "PATOM direct",
    "random-direct": "random direct",
    "patom-indirect": "PATOM indirect",
    "random-indirect": "random indirect",
}
_EACH = " Reproduced if so in every setting, partly if in some."  # said once for all claims
MET = {True: "yes", False: "no", None: "cannot say"}


@cache
def _claims(*runs: str) -> list[dict[str, Any]]:
    """The claims by the rules in the code."""
    claims: list[dict[str, Any]] = findings([kept(name) for name in runs])["claims"]
    return claims


def summary() -> str:
    """Verdicts in a sentence."""
    count = Counter(claim["verdict"] for claim in _claims(*FIGURES))
    seeds = {len(kept(name)[1]["results"]["seeds"]) for name in FIGURES}
    words = ("reproduced", "partly", "not reproduced", *sorted(set(count) - {"reproduced", "partly", "not reproduced"}))
    verdicts = ", ".join(f"{count[verdict]} {verdict}" for verdict in words)
    return (
        f"Of {sum(count.values())} claims of the paper, at the paper's settings with {min(seeds)} seeds: {verdicts}.\n"
        "[docs/paper.md](docs/paper.md) has the figures and the reasons."
    )


def provenance() -> str:
    """What was run."""
    told = [kept(name)[1] for name in (*FIGURES, "settings")]
    cells = [one["run"]["cells"] for one in told]
    results = told[0]["results"]
    packages = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    gap = max(one["run"]["worst_gap"] for one in told)
    failed = sum(one["run"]["failed"] for one in told)
    return (
        f"{sum(cells[:3]):,} cells of the figures, {len(results['seeds'])} seeds; {cells[3]:,} cells of the settings, "
        f"{len(told[3]['results']['seeds'])} seeds; {failed} failed. The largest duality gap of a fit is {gap:.1e}.\n"
        f"Computed with {packages}."
    )


def claims() -> str:
    """All claims and their verdicts: in how many settings each is met, on SARCOS by the inputs of its tasks."""
    rows = []
    for claim in _claims(*FIGURES):
        groups: dict[str, list[bool | None]] = {"shared inputs": [], "own inputs": [], "": []}
        for item in claim["evidence"]:
            inputs = next(name for name in groups if name in item["setting"])
            groups[inputs].append(item["holds"])
        met = [_met(found) for found in groups.values()]
        rows.append([claim["claim"], claim["paper"], *met, f"**{claim['verdict']}**"])
    inputs = ["SARCOS, shared inputs", "SARCOS, own inputs", "Landmine, MNIST"]
    return table(["claim", "the paper", *(f"met: {where}" for where in inputs), "verdict"], rows)


def _met(found: list[bool | None]) -> str:
    """In how many of the settings that can tell, and how many cannot."""
    known = len(found) - found.count(None)
    silent = f"{found.count(None)} cannot say" if found.count(None) else ""
    return ", ".join(filter(None, [f"{found.count(True)} of {known}" if known else "", silent]))


def evidence_of(run: str, *names: str) -> str:
    """What each setting of a run shows about its claims, or about those whose names begin so."""
    return "\n\n".join(
        f"**{claim['claim']}.** {claim['rule'].removesuffix(_EACH)}\n\n"
        + table(
            ["setting", "seen", "met"],
            ([item["setting"], item["value"], MET[item["holds"]]] for item in claim["evidence"]),
        )
        for claim in _claims(run)
        if not names or claim["claim"].startswith(names)
    )


def damage() -> str:
    """Fig. 2 in numbers: relative damage by budget, mean over pairs."""
    rows = []
    for name, group in experiments(kept("fig2")[0], "budgets").items():
        for method, part in grouped(group, "method").items():
            at = by_budget(part)
            rows.append([name, ATTACKS[method], *(within(over_seeds(at[each], "damage"), percent) for each in at)])
    budgets = [percent(budget) for budget in by_budget(kept("fig2")[0])]
    return table(["data", "attack", *budgets], rows)


def auc() -> str:
    """The test AUC of MNIST under PATOM direct by budget, mean over pairs."""
    rows = [row for row in kept("fig2")[0] if row["data"] == "mnist"]
    at = by_budget(row for row in rows if row["method"] == "patom-direct")
    found = [over_seeds(rows, "metric_clean"), *(over_seeds(part, "metric_attacked") for part in at.values())]
    return table(
        ["budget", "0 %", *map(percent, at)],
        [["AUC", *(within(each, lambda value: f"{value:.3f}") for each in found)]],
    )


def settings(data: str) -> str:
    """Damage at the largest budget in each setting of a data set."""
    rows = []
    for name, group in experiments((row for row in kept("settings")[0] if row["data"] == data), "budgets").items():
        most = max(row["budget"] for row in group)
        methods = grouped((row for row in group if row["budget"] == most), "method")
        clean = over_seeds(group, "metric_clean").mean
        found = [within(over_seeds(methods[method], "damage"), percent) for method in ATTACKS]
        rows.append([name.partition(", ")[2] or name, "-" if clean is None else f"{clean:.3f}", *found])
    metric = {"sarcos": "NMSE"}.get(data, "AUC")
    return table(["setting", f"clean {metric}", *ATTACKS.values()], rows)
