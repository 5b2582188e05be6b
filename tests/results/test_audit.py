"""An audit's results from a file: those that a page can be made of, or one clause."""

import copy
import random

import pytest

from patom.report import render_page
from patom.results.audit import Results
from patom.shapes import shaped


def refusal(results):
    """The clause, or None."""
    try:
        shaped(Results, results)
    except ValueError as error:
        caught = error
    else:
        return None
    assert type(caught) is ValueError
    assert len(str(caught).splitlines()) == 1
    assert len(str(caught)) < 300
    return str(caught)


def test_an_audits_results_are_taken(report, helped):
    for whole in (report, helped):
        before = copy.deepcopy(whole)
        assert refusal(whole) is None
        assert whole == before


@pytest.mark.parametrize("left_out", ["exposure", "relationships", "remedies", "fail_above", "command"])
def test_what_an_audit_may_lack_may_be_missing_or_none(helped, left_out):
    helped[left_out] = None
    assert refusal(helped) is None
    del helped[left_out]
    assert refusal(helped) is None


def at(results, path):
    """The container of the last key of a path, and that key."""
    *way, last = path.split(".")
    for key in way:
        results = results[int(key)] if isinstance(results, list) else results[key]
    return results, int(last) if isinstance(results, list) else last


CHANGES = [
    ("patom_version", 3, "patom_version: input should be a valid string (got 3)"),
    ("seed", "0", "seed: input should be a valid integer (got '0')"),
    ("data", None, "data: input should be a valid dictionary"),
    ("data.tasks", [], "data.tasks: list should have at least 1 item"),
    ("data.tasks.1", "b", "data.tasks[1]: input should be a valid dictionary"),
    ("data.tasks.0.n_test", -1, "data.tasks[0].n_test: input should be greater than or equal to 0"),
    ("data.tasks.0.n_test", 10**30, "data.tasks[0].n_test: input should be less than"),
    ("data.tasks.0.clean", "0.9", "data.tasks[0].clean: input should be a valid number (got '0.9')"),
    ("data.kind", "ranking", "data.kind: input should be 'regression' or 'classification'"),
    ("data.notes", "a note", "data.notes: input should be a valid list"),
    ("model.metric", "MSE", "model.metric: input should be 'NMSE' or 'AUC' (got 'MSE')"),
    ("model.clean", float("nan"), "model.clean: input should be a finite number (got nan)"),
    ("model.clean_targets", [0.5], "model.clean_targets: input should be a valid dictionary"),
    ("model.objective", 1e200, "model.objective: input should be less than"),
    ("model.lambda_1", -0.1, "model.lambda_1: input should be greater than or equal to 0"),
    ("model.cross_validation.2.score", True, "model.cross_validation[2].score: input should be a valid number"),
    ("setting.budgets", [0.0], "setting.budgets[0]: input should be greater than 0"),
    ("setting.attack", "bribe", "setting.attack: input should be 'ascent' or 'patom'"),
    ("setting.confidence", 95, "setting.confidence: input should be less than 1"),
    ("curves.0.damage", {"mean": 0.5}, "curves[0].damage.low: it is missing"),
    ("curves.1.damage.low", 9.0, "curves[1].damage: low is above high"),
    ("curves.0.budget", None, "curves[0].budget: input should be a valid number (got None)"),
    ("exposure.damage", [[0.5]], "exposure: damage must be 3 rows of 3, one a task"),
    ("exposure.damage.2", [0.5, 0.5], "exposure: damage must be 3 rows of 3, one a task"),
    ("exposure.few_test_rows", [True], "exposure: few_test_rows must be 3 of true and false, one a task"),
    ("data.sample", {"of_rows": 5}, "data.sample.of_tasks: it is missing"),
    ("data.constant_features", "a", "data.constant_features: input should be a valid list"),
    ("setting.splits", ["one"], "setting.splits: input should be a valid string"),
    ("remedies.cost_limit", None, "remedies.cost_limit: input should be a valid number (got None)"),
    ("remedies.recommended", 1, "remedies.recommended: input should be a valid string (got 1)"),
    ("verdict.risk", {}, "verdict.risk: input should be a valid string (got {})"),
    ("relationships.after.correlation", [[1.0]], "relationships: after.correlation must be 3 rows of 3, one a task"),
    ("relationships.before.spectrum.0", [1.0], "relationships.before.spectrum[0]: input should be a valid number"),
    ("verdict.sentences", [1], "verdict.sentences[0]: input should be a valid string (got 1)"),
    ("verdict.worst_damage", 10**400, "verdict.worst_damage: input should be"),
    ("fail_above.exceeded", "no", "fail_above.exceeded: input should be a valid boolean (got 'no')"),
]


@pytest.mark.parametrize(("path", "value", "reason"), CHANGES)
def test_a_part_that_no_audit_writes_is_named(helped, path, value, reason):
    place, key = at(helped, path)
    place[key] = value
    assert refusal(helped).startswith(reason)


def test_a_page_is_made_without_what_could_not_be_measured_or_is_huge(helped):
    helped["relationships"]["after"]["spectrum"] = None
    helped["curves"][0]["damage"] = {"mean": 1e149, "low": -1e149, "high": 1e149}
    assert refusal(helped) is None
    assert "</html>" in render_page(helped)


@pytest.mark.parametrize("other", [None, [], "a", 3, {}, {"schema": 2}, {"schema": True}, {"kind": "experiments"}])
def test_other_results_are_refused(other):
    assert refusal(other) is not None


@pytest.mark.parametrize("section", ["patom_version", "seed", "data", "model", "setting", "curves", "verdict"])
def test_a_section_that_is_missing_is_named(small, section):
    del small[section]
    assert refusal(small) == f"{section}: it is missing"


VALUES = [
    None, True, 0, 1, -1, 2**63, 10**400, 0.5, -0.5, 1e149, 1e308, float("nan"), "", "a", "\x1b[31m\0", "\ud800",
    "<script>", "AUC", "NMSE", [], [None], [1.0], ["a"], ["a", "a"], [[0.5]], [[]], {}, {"a": 1},
    {"mean": None, "low": None, "high": None},
]  # fmt: skip


def places(value):
    if isinstance(value, dict | list) and value:
        yield value
        for part in value.values() if isinstance(value, dict) else value:
            yield from places(part)


def changed(results, rng):
    """One thing dropped, added or replaced, anywhere."""
    place = rng.choice(list(places(results)))
    key = rng.choice(list(place)) if isinstance(place, dict) else rng.randrange(len(place))
    how = rng.choice(["drop", "set", "set", "add"])
    if how == "drop":
        del place[key]
    elif how == "set":
        place[key] = copy.deepcopy(rng.choice(VALUES))
    elif isinstance(place, dict):
        place["more"] = copy.deepcopy(rng.choice(VALUES))
    else:
        place.append(copy.deepcopy(rng.choice(VALUES)))
    return results


@pytest.mark.parametrize("seed", range(3))
def test_whatever_changes_a_page_or_one_clause_comes_of_it(helped, seed):
    rng, shown = random.Random(seed), 0
    for _ in range(150):
        results = changed(copy.deepcopy(helped), rng)
        if refusal(results) is None and shown < 2:
            assert "</html>" in render_page(results)
            shown += 1
    assert shown == 2
