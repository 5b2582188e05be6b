"""Small clean data for the attacks (related linear tasks, rows in no order, in the unit ball), and saved results."""

import copy
import json

import numpy as np
import pytest
from made_result import made, zipped

from patom import AttackResult, Ball, MTRLClassifier, MTRLRegressor

REGRESSION_LOSSES = ("squared_error", "huber")


def tasks_of(loss, *, seed=0, n_tasks=4, n_features=4, n_rows=15):
    """X, y and task: floats for a regression loss, "no" and "yes" for the others; tasks "a", "b", ..."""
    rng = np.random.default_rng([seed, 99])
    index = rng.permutation(np.repeat(np.arange(n_tasks), n_rows))
    X = Ball().sample(index.size, n_features, rng)
    weights = rng.standard_normal(n_features) + 0.7 * rng.standard_normal((n_tasks, n_features))
    y = (X * weights[index]).sum(axis=1) + 0.2 + 0.1 * rng.standard_normal(index.size)
    if loss not in REGRESSION_LOSSES:
        y = np.where(y > np.median(y), "yes", "no")
    return X, y, np.array(list("abcdefgh"))[index]


def victim_of(loss, **settings):
    """An unfitted model of that loss."""
    return (MTRLRegressor if loss in REGRESSION_LOSSES else MTRLClassifier)(loss=loss, **settings)


@pytest.fixture
def make_tasks():
    return tasks_of


@pytest.fixture
def make_victim():
    return victim_of


@pytest.fixture(name="saved", scope="session")
def fixture_saved(tmp_path_factory):
    """The bytes of a saved result."""
    path = tmp_path_factory.mktemp("saved") / "attack.npz"
    made().save(path)
    return path.read_bytes()


@pytest.fixture(name="arrays")
def fixture_arrays(saved, tmp_path):
    """The arrays of a saved result, and its notes apart."""
    (tmp_path / "whole.npz").write_bytes(saved)
    with np.load(tmp_path / "whole.npz", allow_pickle=False) as file:
        arrays = dict(file)
    return arrays, json.loads(str(arrays.pop("notes")))


@pytest.fixture(name="load")
def fixture_load(tmp_path):
    """Load these bytes: a result, or the clause after the file's name."""

    def load(content):
        path = tmp_path / "strange.npz"
        path.write_bytes(content)
        try:
            return AttackResult.load(path)
        except ValueError as error:
            caught = error
        said, start = str(caught), f"{path} is no file of AttackResult.save: "
        assert type(caught) is ValueError
        assert caught.__cause__ is None
        assert said.startswith(start)
        assert said.endswith(".")
        assert len(said.splitlines()) == 1
        assert len(said) < len(start) + 420
        return said.removeprefix(start)

    return load


@pytest.fixture(name="fault")
def fixture_fault(load, arrays):
    """What is said of a saved result with some arrays replaced (None: left out) and its notes changed."""

    def fault(change=None, **changes):
        kept, notes = arrays[0] | changes, copy.deepcopy(arrays[1])
        if change is not None:
            change(notes)
        kept.setdefault("notes", np.array(json.dumps(notes)))
        said = load(zipped({name: array for name, array in kept.items() if array is not None}))
        assert isinstance(said, str)
        return said

    return fault
