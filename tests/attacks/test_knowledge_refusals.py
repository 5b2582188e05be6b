"""Knowledge that an attacker cannot have: refused in a sentence, before anything is solved."""

import re

import numpy as np
import pytest

from patom import MTRLClassifier, MTRLRegressor, RandomAttack, ThreatModel
from patom.attacks import GreyBox

ROWS = {"X": [[1.0, 2.0]], "y": [1.0], "task": ["a"]}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"share": 0.0}, "share of GreyBox must be a finite number above 0.0; got 0.0."),
        ({"share": 1.5}, "share of GreyBox must be at most 1; got 1.5."),
        ({"share": np.nan}, "share of GreyBox must be a finite number above 0.0; got nan."),
        ({"lambda_1": -0.1}, "lambda_1 of GreyBox must be a finite number at least 0.0; got -0.1."),
        ({"lambda_2": "small"}, "lambda_2 of GreyBox must be a finite number at least 0.0; got 'small'."),
        ({"seed": 0.5}, "seed of GreyBox must be a whole number at least 0; got 0.5."),
        ({"X": [[1.0]]}, "X and y of GreyBox must be given together, or neither for a share of the victim's rows."),
        ({"task": ["a"]}, "X and y of GreyBox must be given together"),
        (ROWS | {"X": [1.0, 2.0]}, "X of GreyBox must be rows, shape (q, d); got an array of shape (2,)."),
        (
            ROWS | {"X": [["one", "two"]]},
            "X of GreyBox must be an array of numbers, shape (q, d); the given list is none.",
        ),
        (ROWS | {"X": [[np.nan, 1.0]]}, "X of GreyBox holds NaN in row 0, column 0;"),
        (ROWS | {"y": [1.0, 2.0]}, "y of GreyBox must hold 1 values, one a row; got 2."),
        (ROWS | {"task": "a"}, "task must hold one label for each of the 1 rows of X; got a str."),
        (ROWS | {"task": [None]}, "task holds a missing label in row 0;"),
        (ROWS | {"task": [[{}]]}, "task of GreyBox must hold hashable labels, such as strings: unhashable type"),
    ],
)
def test_what_cannot_be_knowledge_is_one_sentence(settings, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        GreyBox(**settings)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": np.ones((6, 3))}, "X of GreyBox has 3 columns; the data have 4."),
        ({"task": list("abcabz")}, "task of GreyBox names the task 'z', which the training data do not hold;"),
        (
            {"task": list("bcbcbc")},
            "task of GreyBox must hold the threat model's targets and attackers; a is not among",
        ),
        (
            {"task": list("acacac")},
            "task of GreyBox must hold the threat model's targets and attackers; b is not among",
        ),
        ({"task": None}, "task of GreyBox names the task 0, which the training data do not hold;"),
        ({"y": [np.nan] * 6}, "y of GreyBox must be targets like those of the data: y holds NaN in row 0"),
        (
            {"y": ["x"] * 6},
            "y of GreyBox must be targets like those of the data: y must hold numbers for MTRLRegressor",
        ),
        ({"lambda_1": 0.0, "lambda_2": 0.0}, "lambda_1 and lambda_2 of MTRLRegressor must not both be 0; got 0 and 0."),
    ],
)
def test_knowledge_that_does_not_fit_the_data_is_refused(change, message, make_tasks):
    X, y, task = make_tasks("squared_error")
    given = {"X": np.ones((6, 4)), "y": np.arange(6.0), "task": list("abcabc")} | change
    threat = ThreatModel(["a"], ["b", "c"], 0.2, knowledge=GreyBox(**given))
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        RandomAttack().poison(MTRLRegressor(), X, y, task=task, threat=threat)


def test_classes_that_the_victim_does_not_know_are_refused(make_tasks):
    X, _, task = make_tasks("logistic")
    y = np.where(X[:, 0] > 0.0, "yes", "no")
    threat = ThreatModel(["a"], ["b"], 0.2, knowledge=GreyBox(X=X, y=["maybe"] * y.size, task=task))
    with pytest.raises(
        ValueError, match=r"^y of GreyBox must be targets like those of the data: y holds the label .*mayb"
    ):
        RandomAttack().poison(MTRLClassifier(), X, y, task=task, threat=threat)
