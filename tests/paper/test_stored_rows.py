"""Whatever a grid can ask for, its rows are such as are read back, and its cells such as are taken up again."""

import json

import pytest

from patom.paper import findings, parse_grid, read_run, run_grid
from patom.results.methods import Method

SETTINGS = {
    "every attack": {"attacks": [f"{name}-direct" for name in Method]},
    "hybrid attacks on classes": {
        "attacks": [f"{name}-hybrid" for name in ("patom", "ascent", "flip", "random")],
        "data": {"kind": "classification"},
    },
    "every task a target": {"pairs": {"count": 1, "targets": 5, "attackers": 0}, "attacks": ["patom-direct"]},
    "the constant before": {"model": {"constant": "before"}},
    "own data, a share, a guess": {"adversary": {"region": "own-data", "share": 0.5, "lambda_guess": 10.0}},
    "tuned again": {"adversary": {"tuning": "again"}},
    "filters, not known": {"defense": {"filters": ["sphere", "clip"], "known": False}, "figure": "defenses"},
    "a rule": {"defense": {"rule": "shrunken"}, "figure": "screening"},
    "another learner": {"defense": {"learner": "rmtfl"}},
    "another learner's map": {"defense": {"learner": "tukey"}, "figure": "correlations"},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_what_is_computed_is_read_and_taken_up(as_toml, experiment, tmp_path, name):
    changes = dict(SETTINGS[name])
    data = {"name": "related", "n_tasks": 5, "n_features": 3, "n_train": 12, "n_test": 15, "n_groups": 2}
    settings = {
        "attacks": ["ascent-direct"], "budgets": [0.3], "pairs": {"count": 1, "targets": 2, "attackers": 2},
        "patom": {"max_iter": 1}, "ascent": {"max_iter": 1, "n_starts": 1},
    }  # fmt: skip
    asked = experiment(**settings | changes | {"data": data | changes.pop("data", {})})
    grid = parse_grid(as_toml({"title": name, "seeds": 1, "experiments": [asked]}), "G")
    run = run_grid(grid, tmp_path)
    assert run.failed == 0
    read = read_run(tmp_path)
    assert len(read[0]) == run.cells
    assert json.dumps(findings([read]), allow_nan=False)
    assert run_grid(grid, tmp_path).resumed == run.cells
