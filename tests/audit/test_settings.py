"""Settings that make no sense are refused in one sentence."""

import pytest

from patom.audit import AuditSettings


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"budgets": (0.1, -0.2)}, "budget of the audit must be .* above 0.*-0.2"),
        ({"budgets": (float("nan"),)}, "budget of the audit must be a finite number"),
        ({"budgets": (0.1, 1e18)}, "budget of the audit must be at most 100.*got 1e\\+18"),
        ({"budgets": ()}, "budgets of the audit must hold at least one"),
        ({"n_seeds": 0}, "n_seeds of the audit"),
        ({"seed": -1}, "seed of the audit"),
        ({"iterations": 0}, "iterations of the audit"),
        ({"shown_tasks": 0}, "shown_tasks of the audit"),
        ({"attack": "patom", "step_size": 0.0}, "step_size of the audit"),
        ({"step_size": 1.0}, "step_size of the audit is PATOM's, and the attack 'ascent' has none: choose the attack"),
        ({"attack": "PATOM"}, "attack of the audit must be one of 'ascent', 'patom'; got 'PATOM'"),
        ({"attack": "patom", "iterations": 0}, "iterations of the audit"),
        ({"region": "own-data"}, "region of the audit must be one of 'ball', 'own_data'; got 'own-data'"),
        ({"exposure_budget": 0.0}, "exposure_budget of the audit"),
        ({"confidence": 1.0}, "confidence of the audit must be above 0 and below 1"),
        ({"confidence": 0.0}, "confidence of the audit must be above 0 and below 1"),
        ({"lambda_1": 0.1}, "lambda_1 and lambda_2 must be given together"),
        ({"lambda_2": 0.1}, "lambda_1 and lambda_2 must be given together"),
        ({"targets": ()}, "targets of the audit must name at least one task"),
        ({"targets": ("a",), "attackers": ()}, "attackers of the audit must name at least one task"),
        ({"attackers": ("a",)}, "attackers of the audit need targets"),
    ],
)
def test_settings_are_checked(settings, error):
    with pytest.raises(ValueError, match=error) as caught:
        AuditSettings(**settings)
    assert ". " not in str(caught.value)


def test_a_seed_may_be_as_long_as_one_likes():
    assert AuditSettings(seed=10**30).seed == 10**30
