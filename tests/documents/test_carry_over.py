"""Which defense a set of tables chooses."""

import pytest
from evidence.carry_over import chosen_by


def rows(defense, prevented, cost=0.0, kind="regression"):
    """One seed a table: damage from 0.4 to 1.4, of which the defense prevents so much."""
    return [
        {
            "defense": defense, "table": f"t{k}", "kind": kind, "seed": 0, "clean": 0.4, "attacked": 1.4,
            "defended_clean": 0.4 * (1.0 + cost), "known": 1.4 - share,
        }
        for k, share in enumerate(prevented)
    ]  # fmt: skip


def test_the_one_that_prevents_most_of_those_that_surely_prevent_something():
    good, better = rows("good", [0.3, 0.35, 0.4, 0.3]), rows("better", [0.5, 0.55, 0.6, 0.5])
    wild = rows("wild", [0.9, 0.9, 0.9, -0.5])
    assert chosen_by([*good, *better, *wild]) == "better"
    assert chosen_by([*good, *wild]) == "good"
    assert chosen_by(wild) is None


def test_none_that_costs_more_than_a_tenth():
    dear, cheap = rows("dear", [0.6, 0.62, 0.61], cost=0.11), rows("cheap", [0.2, 0.22, 0.21], cost=0.09)
    assert chosen_by([*dear, *cheap]) == "cheap"
    assert chosen_by(dear) is None


@pytest.mark.parametrize(("kind", "expected"), [("regression", None), ("classification", "one")])
def test_the_cost_of_a_classifier_is_what_its_auc_loses(kind, expected):
    assert chosen_by(rows("one", [0.3, 0.31, 0.32], cost=0.14, kind=kind)) == expected  # 0.056 of 0.4, or of 0.6
