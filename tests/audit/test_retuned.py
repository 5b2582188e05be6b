"""The worst attack on a victim who chooses the lambdas again: by hand, and counted."""

from dataclasses import replace

import numpy as np
import pytest

from patom.audit import AuditSettings, run_audit, table_data
from patom.audit.cells import decide, fit_quietly, victim
from patom.audit.draws import drawn
from patom.audit.retuned import refit, retuned
from patom.audit.selection import select_lambdas
from patom.metrics import relative_damage
from patom.results.audit import Point

SETTINGS = AuditSettings(n_seeds=2, iterations=3, budgets=(0.2, 0.4))


@pytest.fixture(name="data", params=["regression", "classification"])
def fixture_data(request, make_table):
    return drawn(table_data(make_table(request.param, sizes=(30, 34, 38), noise=1.0)), SETTINGS)


@pytest.mark.slow
def test_it_is_the_worst_attack_of_the_curves_with_lambdas_from_the_poisoned_rows(data):
    report = run_audit(data, SETTINGS).report
    again, worst = report["retuned"], report["verdict"]["worst"]
    assert {name: again[name] for name in ("attack", "label", "budget")} == {
        name: worst[name] for name in ("attack", "label", "budget")
    }
    assert len(again["lambdas"]) == SETTINGS.n_seeds
    damages = []
    for seen in _outcomes(data, worst):
        split = data.of_seed(seen.cell.replicate)
        poisoned = seen.result.combine(split.X_train, split.y_train, split.task_train)
        rows = replace(split, X_train=poisoned.X, y_train=poisoned.y, task_train=poisoned.task)
        chosen = select_lambdas(rows, SETTINGS, n_jobs=1, advance=lambda: None)
        model = victim(split, SETTINGS, chosen.lambda_1, chosen.lambda_2)
        decision = decide(fit_quietly(model, poisoned.X, poisoned.y, poisoned.task), split)
        assert [chosen.lambda_1, chosen.lambda_2] in again["lambdas"]
        aimed = np.isin(np.arange(3), seen.cell.targets)
        clean = decide(fit_quietly(_clean(split, report), split.X_train, split.y_train, split.task_train), split)
        damages.append(relative_damage(split.score(clean, aimed), split.score(decision, aimed), split.metric))
        np.testing.assert_allclose(refit(split, SETTINGS, seen)[2], decision, rtol=0, atol=1e-12)
    assert again["damage"]["mean"] == pytest.approx(np.mean(damages))


def _clean(data, report):
    return victim(data, SETTINGS, report["model"]["lambda_1"], report["model"]["lambda_2"])


def _outcomes(data, worst):
    """The worst attack of the curves, computed again for every seed."""
    from patom.audit.cells import run_cell
    from patom.audit.plan import plan

    report = run_audit(data, SETTINGS).report
    model = _clean(data, report)
    wanted = (worst["attack"], worst["budget"])
    cells = [cell for cell in plan(data, SETTINGS) if cell.purpose == "curve" and (cell.attack, cell.budget) == wanted]
    return [run_cell(data.of_seed(cell.replicate), SETTINGS, model, cell, ()) for cell in cells]


@pytest.mark.slow
def test_given_lambdas_are_not_chosen_again(data):
    steps = []
    given = replace(SETTINGS, lambda_1=0.1, lambda_2=0.1, budgets=(0.2,))
    assert run_audit(data, given).report["retuned"] is None
    named = {"attack": "ascent-direct", "label": "optimised, direct", "budget": 0.2}
    worst = Point(**named, n_seeds=2, metric=None, damage=None)
    assert retuned(data, given, np.zeros(0), [], worst, n_jobs=1, advance=lambda: steps.append(1)) is None
    assert steps == []


def test_the_steps_are_counted_where_nothing_could_be_measured(data):
    steps = []
    assert retuned(data, SETTINGS, np.zeros(0), [], None, n_jobs=1, advance=lambda: steps.append(1)) is None
    assert len(steps) == SETTINGS.n_seeds
