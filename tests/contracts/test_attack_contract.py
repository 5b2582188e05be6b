"""What every attack promises, for every kind of threat and every loss; each two of these three meet in some case."""

import numpy as np
import pytest
from pairwise import pairwise
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from patom import PATOM, AttackResult, Ball, MTRLClassifier, MTRLRegressor, ProjectedAscent, RandomAttack, ThreatModel
from patom.attacks import AT2FL, AttackStatus, BackGradient, Influence, LabelFlip, ModelTargeted, SingleTask

ATTACKS = {
    "PATOM": PATOM(max_iter=2, n_starts=2),
    "ProjectedAscent": ProjectedAscent(max_iter=4, n_starts=2),
    "ProjectedAscent, labels": ProjectedAscent(max_iter=4, optimise_labels=True),
    "RandomAttack": RandomAttack(labels="flipped"),
    "LabelFlip": LabelFlip(),
    "LabelFlip, random": LabelFlip(choose="random"),
    "Influence": Influence(),
    "Influence, labels": Influence(optimise_labels=True),
    "BackGradient": BackGradient(max_iter=4, inner_steps=10, n_starts=2),
    "SingleTask": SingleTask(max_iter=4, n_starts=2),
    "SingleTask, labels": SingleTask(max_iter=4, optimise_labels=True),
    "ModelTargeted": ModelTargeted(block=2, max_iter=20, n_starts=2),
    "ModelTargeted, labels": ModelTargeted(block=2, optimise_labels=True),
    "ModelTargeted, kkt": ModelTargeted("kkt", max_iter=20),
    "ModelTargeted, kkt, labels": ModelTargeted("kkt", max_iter=20, optimise_labels=True),
    "AT2FL": AT2FL(max_iter=4, n_starts=2),
}
FIRST_AND_LAST = (SingleTask, AT2FL)  # whose history holds the start and the end, as problem (1) is not solved between
KEEPS_RISES = (ProjectedAscent, BackGradient, ModelTargeted)  # whose history holds what raised the utility only
UNSEEDED = (LabelFlip(),)  # that draw nothing
KINDS = {"direct": (["b", "d"], ["d", "b"]), "indirect": (["a"], ["b", "c"]), "hybrid": (["a", "b"], ["b", "d"])}
VALUES = {
    "squared_error": lambda z, y: (y - z) ** 2,
    "huber": lambda z, y: np.where(np.abs(y - z) < 1.0, (y - z) ** 2, 2.0 * np.abs(y - z) - 1.0),
    "squared_hinge": lambda z, y: np.maximum(0.0, 1.0 - y * z) ** 2,
    "logistic": lambda z, y: np.log1p(np.exp(-y * z)),
    "unclipped_hinge": lambda z, y: (1.0 - y * z) ** 2,
}
ROWS = {"a": 9, "b": 14, "c": 20, "d": 11}
BUDGET, EXPECTED = 0.25, {"b": 3, "c": 5, "d": 2}
REGION = Ball(1.2)


def clean_data(loss):
    """X, y, task in no order; classes are 3 and 5."""
    rng = np.random.default_rng(11)
    task = rng.permutation(np.repeat(list(ROWS), list(ROWS.values())))
    X = Ball().sample(task.size, 3, rng)
    y = X @ np.array([1.0, -2.0, 1.5]) + 2.0 * (task == "d") * X[:, 0] + 0.3 + 0.1 * rng.standard_normal(task.size)
    return X, (y if loss in ("squared_error", "huber") else np.where(y > 0.0, 5, 3)), task


class Case:
    """One attack run: what went in and what came out."""

    def __init__(self, attack, kind, loss):
        self.attack, self.kind, self.loss = attack, kind, loss
        self.X, self.y, self.task = clean_data(loss)
        self.threat = ThreatModel(*KINDS[kind], BUDGET, REGION)
        self.model = (MTRLRegressor if loss in ("squared_error", "huber") else MTRLClassifier)(0.003, 0.002, loss=loss)
        self.result = self.run()

    def run(self, model=None, seed=0):
        model = self.model if model is None else model
        return self.attack.poison(model, self.X, self.y, task=self.task, threat=self.threat, random_state=seed)

    def target_loss(self, model):
        """Mean loss of the target tasks' clean rows."""
        chosen = np.isin(self.task, self.threat.targets)
        act = model.predict if isinstance(model, MTRLRegressor) else model.decision_function
        y = self.y if isinstance(model, MTRLRegressor) else np.where(self.y == 5, 1.0, -1.0)
        return VALUES[self.loss](act(self.X[chosen], task=self.task[chosen]), y[chosen]).mean()


@pytest.fixture(scope="module", params=pairwise(ATTACKS, KINDS, VALUES), ids=", ".join)
def case(request):
    name, kind, loss = request.param
    return Case(ATTACKS[name], kind, loss)


def test_injected_rows_are_what_the_threat_allows(case):
    """Each attacking task gets its budget of rows, no other any; features are in the region, labels of the task."""
    result = case.result
    assert result.threat is case.threat
    assert case.threat.kind == case.kind
    labels, counts = np.unique(result.task, return_counts=True)
    assert dict(zip(labels.tolist(), counts.tolist(), strict=True)) == {
        label: EXPECTED[label] for label in case.threat.attackers
    }
    assert result.task.dtype == case.task.dtype

    assert result.X.dtype == np.float64
    assert result.X.shape == (result.task.size, 3)
    assert (np.linalg.norm(result.X, axis=1) <= 1.2 * (1.0 + 1e-12)).all()

    assert result.y.shape == result.task.shape
    assert result.y.dtype == case.y.dtype
    for label in labels:
        own, injected = case.y[case.task == label], result.y[result.task == label]
        if getattr(case.attack, "labels", None) == "resampled" and not getattr(case.attack, "optimise_labels", False):
            assert np.isin(injected, own).all()
        assert own.min() - 1e-12 <= injected.min()
        assert injected.max() <= own.max() + 1e-12


def test_utilities_are_the_target_tasks_mean_loss(case):
    assert case.result.utility == pytest.approx(case.target_loss(case.result.model), rel=1e-3)
    clean = clone(case.model).fit(case.X, case.y, task=case.task)
    assert case.result.clean_utility == pytest.approx(case.target_loss(clean), rel=1e-3)


def test_history_has_a_record_an_iteration(case):
    """Of those that were kept: some attacks keep what raises the utility. And the result says what it was."""
    history = case.result.history
    assert history.dtype.names == ("iteration", "utility", "gap", "solver_steps", "seconds")
    tried = list(range(getattr(case.attack, "max_iter", 0) + 1))
    if isinstance(case.attack, KEEPS_RISES):
        assert set(history.iteration.tolist()) <= set(tried)
        assert (np.diff(history.iteration) > 0).all()
        assert (np.diff(history.utility) > 0.0).all()
    elif isinstance(case.attack, FIRST_AND_LAST):
        assert history.iteration.tolist() == [0, tried[-1]]
    else:
        assert history.iteration.tolist() == tried
    assert case.result.expected_utility == history.utility[-1] == case.result.start_utilities.max()
    assert case.result.utility == pytest.approx(case.result.expected_utility, rel=1e-3)  # a fit from scratch
    assert case.result.start_utilities.shape == (getattr(case.attack, "n_starts", 1),)
    assert ((history.gap >= 0.0) & (history.gap <= 1e-8)).all()
    assert (history.seconds > 0.0).all()

    local = (AttackStatus.LOCAL_OPTIMUM,) if isinstance(case.attack, ProjectedAscent) else ()
    assert case.result.status in (AttackStatus.COMPLETED, *local)
    settings = dict(case.result.attack)
    assert settings.pop("name") == type(case.attack).__name__
    assert type(case.attack)(**settings) == case.attack


def test_the_seed_decides_and_neither_model_nor_data_are_touched(case):
    """The model that is passed in may be fitted or not; the rows are the same, and both models stay as they were."""
    before = case.model.get_params()
    with pytest.raises(NotFittedError):
        check_is_fitted(case.model)
    assert vars(case.model) == before
    fitted = clone(case.model).fit(case.X, case.y, task=case.task)
    kept, copies = dict(vars(fitted)), {k: v.copy() for k, v in vars(fitted).items() if isinstance(v, np.ndarray)}
    again = case.run(fitted)
    assert again.X.tobytes() == case.result.X.tobytes()
    assert again.y.tobytes() == case.result.y.tobytes()
    assert vars(fitted).keys() == kept.keys()
    assert all(vars(fitted)[name] is value for name, value in kept.items())
    for name, values in copies.items():
        np.testing.assert_array_equal(getattr(fitted, name), values, err_msg=f"{name} of the fitted model has changed")

    assert np.array_equal(case.run(seed=1).X, case.result.X) is (case.attack in UNSEEDED)
    for values, original in zip((case.X, case.y, case.task), clean_data(case.loss), strict=True):
        np.testing.assert_array_equal(values, original, err_msg="the clean data have changed")


def test_the_poisoned_model_is_the_victim_fitted_on_clean_plus_injected(case, tmp_path):
    """So is what the saved result replays."""
    victim, result = case.result.model, case.result
    assert type(victim) is type(case.model)
    assert victim is not case.model
    assert victim.get_params() == case.model.get_params()
    assert victim.duality_gap_ <= 1e-8
    result.save(tmp_path / "attack.npz")
    loaded = AttackResult.load(tmp_path / "attack.npz")
    assert (loaded.threat, loaded.attack, loaded.status) == (case.threat, result.attack, result.status)
    by_hand = clone(case.model).fit(
        np.vstack([case.X, result.X]), np.append(case.y, result.y), task=np.append(case.task, result.task)
    )
    replayed, reloaded = (each.refit(case.model, case.X, case.y, task=case.task) for each in (result, loaded))
    for how, fitted in (("by hand", by_hand), ("refit", replayed), ("saved, loaded and refit", reloaded)):
        np.testing.assert_array_equal(victim.coef_, fitted.coef_, err_msg=how)
        np.testing.assert_array_equal(victim.intercept_, fitted.intercept_, err_msg=how)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_other_models_and_unknown_tasks_are_refused(attack):
    X, y, task = clean_data("huber")
    threat = ThreatModel(["a"], ["b"], 0.2)
    with pytest.raises(TypeError, match=r"^model must be an MTRLRegressor or MTRLClassifier"):
        attack.poison(BaseEstimator(), X, y, task=task, threat=threat)
    with pytest.raises(ValueError, match=r"^targets of ThreatModel names the task 'e'"):
        attack.poison(MTRLRegressor(), X, y, task=task, threat=ThreatModel(["e"], ["b"], 0.2))
    with pytest.raises(ValueError, match=r"^budget of ThreatModel rounds to no rows"):
        attack.poison(MTRLRegressor(), X, y, task=task, threat=ThreatModel(["a"], ["b"], 0.07))


@pytest.mark.parametrize("attack", [PATOM, RandomAttack])
@pytest.mark.parametrize("setting", ["features", "labels"])
def test_unknown_draws_are_refused(attack, setting):
    with pytest.raises(ValueError, match=f"^{setting} of {attack.__name__} must be one of '.*'; got 'best'"):
        attack(**{setting: "best"})
