"""The worst attack on a victim who chooses the lambdas again: by hand, and counted."""

from dataclasses import replace

import numpy as np
import pytest
from audit_cells import answers_of

from patom import MTRLRegressor
from patom.audit import AuditSettings, run_audit, table_data
from patom.audit.cells import clean_decision, run_and_measure, victim, worst_damage
from patom.audit.draws import drawn
from patom.audit.plan import plan
from patom.audit.selection import refit, retuned, select_lambdas
from patom.audit.work import Work
from patom.evaluate.defended import Victim
from patom.evaluate.trial import fit_quietly
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
    for seen in _effects(data, report, worst):
        split = data.of_replicate(seen.cell.replicate)
        poisoned = seen.trial.result.combine(split.X_train, split.y_train, split.task_train)
        rows = replace(split, X_train=poisoned.X, y_train=poisoned.y, task_train=poisoned.task)
        chosen = select_lambdas(rows, SETTINGS, n_jobs=1, advance=lambda: None)
        model = victim(split, SETTINGS, chosen.lambda_1, chosen.lambda_2)
        decision = answers_of(model.fit(poisoned.X, poisoned.y, task=poisoned.task), split)
        aimed = np.isin(np.arange(3), seen.cell.targets)
        clean = answers_of(fit_quietly(_clean(split, report), split.train), split)
        damages.append(relative_damage(split.score(clean, aimed), split.score(decision, aimed), split.metric))
        most, same = refit(split, SETTINGS, _clean(split, report), seen)
        assert same.lambdas == (chosen.lambda_1, chosen.lambda_2)
        assert same.score == pytest.approx(split.score(decision, aimed), rel=1e-12)
        assert same.damage == pytest.approx(damages[-1], rel=1e-9)
        assert most.damage >= same.damage
        assert list(most.lambdas) in again["lambdas"]
    assert again["replayed"]["mean"] == pytest.approx(np.mean(damages))
    assert again["damage"]["mean"] >= again["replayed"]["mean"]


def _clean(data, report):
    return victim(data, SETTINGS, report["model"]["lambda_1"], report["model"]["lambda_2"])


def _effects(data, report, worst):
    """The worst attack of the curves, computed again for every seed."""
    model, wanted = _clean(data, report), (worst["attack"], worst["budget"])
    cells = [cell for cell in plan(data, SETTINGS) if (str(cell.attack), cell.budget) == wanted]
    splits = [(data.of_replicate(cell.replicate), cell) for cell in cells if cell.purpose == "curve"]
    return [
        worst_damage(
            [
                run_and_measure(
                    split, SETTINGS, Victim(model, model), cell, clean_decision(split, model), thorough=thorough
                )
                for thorough in (False, True)
            ]
        )
        for split, cell in splits
    ]


@pytest.mark.slow
def test_given_lambdas_are_not_chosen_again(data):
    steps = []
    given = replace(SETTINGS, lambda_1=0.1, lambda_2=0.1, budgets=(0.2,))
    assert run_audit(data, given).report["retuned"] is None
    named = {"attack": "ascent-direct", "label": "optimised, direct", "budget": 0.2}
    worst = Point(**named, n_seeds=2, metric=None, damage=None)
    assert retuned(Work(data, progress=lambda done, _: steps.append(done)), given, MTRLRegressor(), [], worst) is None
    assert steps == []


def test_the_steps_are_counted_where_nothing_could_be_measured(data):
    steps = []
    assert retuned(Work(data, progress=lambda done, _: steps.append(done)), SETTINGS, MTRLRegressor(), [], None) is None
    assert len(steps) == SETTINGS.n_seeds
