"""What the report gets from a run or several."""

import numpy as np

from patom.paper import findings

METHODS = ("patom-direct", "patom-indirect", "random-direct", "random-indirect")


def test_findings_have_the_keys_of_the_contract(row, found):
    correlation = np.eye(2).ravel().tolist()
    rows = [row(method, seed=seed) for method in METHODS for seed in range(3)]
    rows += [row(experiment="C", figure="convergence", seed=seed) for seed in range(3)]
    rows += [
        row("patom-hybrid", experiment="M", figure="correlations", seed=seed, tasks=["1", "2"], attackers=["1", "2"],
            correlation=correlation, correlation_clean=correlation)
        for seed in range(3)
    ]  # fmt: skip
    results = found(rows)
    assert set(results) == {
        "schema", "kind", "title", "patom_version", "command", "confidence", "n_seeds", "notes", "provenance",
        "reproduction", "fewest_seeds",
        "convergence", "budgets", "correlations", "attacks", "defenses", "screening", "claims", "failures",
    }  # fmt: skip
    assert (results["schema"], results["kind"], results["confidence"]) == (1, "experiments", 0.95)
    assert set(results["provenance"]) == {
        "cells", "failed", "uncertified", "worst_gap", "commit", "versions", "files",
    }  # fmt: skip
    (convergence,), (budgets,), (correlations,) = (results[k] for k in ("convergence", "budgets", "correlations"))
    assert {"title", "settings", "quantity", "panels"} <= set(convergence)
    assert set(convergence["panels"][0]) == {
        "kind", "label", "metric", "clean", "iterations", "mean", "low", "high", "runs",
    }  # fmt: skip
    assert {"title", "settings", "metric", "panels"} <= set(budgets)
    assert set(budgets["panels"][0]) == {"pair", "targets", "attackers", "clean", "lines"}
    assert set(budgets["panels"][0]["lines"][0]) == {"attack", "label", "budgets", "metric", "damage"}
    assert {"title", "settings", "tasks", "seed", "maps"} <= set(correlations)
    plain = {"label", "targets", "attackers", "budget", "correlation", "spectrum"}
    measured = {"flipped", "shift", "among_attackers", "among_attackers_clean"}
    assert [set(each) for each in correlations["maps"]] == [plain, plain | measured]
    words = ("reproduced", "partly", "not reproduced", "open", "not tested")
    assert all(claim["verdict"] in words for claim in results["claims"])


def test_several_runs_are_told_together(row, made_by):
    one = made_by(title="Fig. 1", notes=["a", "b"], commits=["abc"], worst_gap=1e-9, files={"a": "0"})
    other = made_by(
        title="Fig. 2", notes=["b", "c"], commits=["abc", "def"], worst_gap=3e-9, cells=6, failed=1, files={"b": "1"},
        seeds=[0, 1, 2, 3, 4],
    )  # fmt: skip
    second = row(figure="convergence", experiment="F")
    results = findings([([row()], one), ([second], other)], command="patom run fig1")
    assert results["title"] == "Fig. 1; Fig. 2"
    assert results["fewest_seeds"] == 3
    assert (results["n_seeds"], results["command"], results["patom_version"]) == (5, "patom run fig1", "1.2.3")
    assert results["notes"] == ["a", "b", "c"]
    assert results["provenance"] == {
        "cells": 10, "failed": 1, "uncertified": 2, "worst_gap": 3e-9, "commit": "abc, def",
        "versions": {"patom": "1.2.3", "numpy": "2"}, "files": {"a": "0", "b": "1"},
    }  # fmt: skip
    assert [entry["title"] for entry in results["budgets"] + results["convergence"]] == ["E", "F"]


def test_only_the_papers_grids_are_a_reproduction(row, made_by):
    def reproduces(*runs):
        return findings([([row(**changes)], made_by(title=title)) for title, changes in runs])["reproduction"]

    second = "Fig. 2: quality of the solutions", {"experiment": "Landmine"}
    assert reproduces(second)
    assert reproduces(second, ("The settings the paper leaves open", {"experiment": "MNIST, radius 0.5"}))
    assert not reproduces(("Made", {}))
    assert not reproduces((second[0], {"experiment": "shops"}))  # the title alone is easily copied
    assert not reproduces(second, ("Attacks compared", {"experiment": "Landmine", "figure": "attacks"}))


def test_runs_outside_of_a_source_tree_have_no_commit_and_may_have_no_gap(row, made_by):
    results = findings([([row()], made_by(commits=[], worst_gap=None))])
    assert results["provenance"]["commit"] is None
    assert results["provenance"]["worst_gap"] is None
    assert results["command"] is None
