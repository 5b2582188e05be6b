"""The two walks through the code in CONTRIBUTING are true: what each stop names is called, in the order given."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import QUICK

from patom import MTRLRegressor

PAGE = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text("utf-8")
SOURCE = "/src/patom/"


def stops(heading):
    """The (file, function) pairs of a walk."""
    section = PAGE.split(f"### {heading}\n")[1].split("\n#")[0]
    return re.findall(r"^\d+\. `([\w/]+\.py)` `([\w.]+)`:", section, re.MULTILINE)


def called(act):
    """The functions of the package that ``act`` calls, in the order of their first calls."""
    met = {}

    def note(frame, event, _):
        code = frame.f_code
        if event == "call" and SOURCE in code.co_filename:
            met.setdefault((code.co_filename.rpartition(SOURCE)[2], code.co_qualname))

    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(None)
    return list(met)


def require_walk(heading, met):
    walk = stops(heading)
    assert 5 <= len(walk) <= 10
    missing = [stop for stop in walk if stop not in met]
    assert not missing
    places = [met.index(stop) for stop in walk]
    assert places == sorted(places), [met[place] for place in sorted(places)]


@pytest.mark.slow
def test_from_a_table_to_an_injected_row(run, table, tmp_path):
    command = ["audit", table, "--task", "site", "--target", "y", "--out", tmp_path / "out", *QUICK, "--jobs", "1"]
    met = called(lambda: run(*command))
    require_walk("From `patom audit TABLE` to an injected row", met)


def test_from_fit_to_the_compiled_kernel():
    rng = np.random.default_rng(0)
    X, task = rng.normal(size=(60, 4)), np.repeat([0, 1, 2], 20)
    met = called(lambda: MTRLRegressor().fit(X, X.sum(axis=1), task=task))
    require_walk("From `fit` to the compiled kernel", met)
