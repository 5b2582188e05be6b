"""PATOM against Algorithm 1 written out in plain Python: eq. 5, 6, 15 and 16, one sample and one row at a time."""

from math import exp, sqrt

import numpy as np
import pytest
from sklearn.base import clone

from patom import PATOM, Ball, ThreatModel, graph_covariance
from patom.attacks.draws import draw
from patom.attacks.program import Bilevel, bilevel

DELTA = 0.3
# The positive part of eq. 16 and Huber's bends must come into play.
SETTINGS = {"eq. 16": {"lambda_1": 1e-3, "lambda_2": 1e-3}, "huber": {"huber_delta": DELTA}}
KINDS = {"direct": (["a", "c"], ["a", "c"]), "indirect": (["b"], ["a", "d"]), "hybrid": (["b", "a"], ["a", "d"])}
SLOPES = {
    "squared_error": lambda z, y: 2.0 * (z - y),
    "huber": lambda z, y: 2.0 * min(DELTA, max(-DELTA, z - y)),
    "squared_hinge": lambda z, y: -2.0 * y * max(0.0, 1.0 - y * z),
    "logistic": lambda z, y: -y / (1.0 + exp(y * z)),
    "unclipped_hinge": lambda z, y: -2.0 * y * (1.0 - y * z),
}


def eq_6(loss):
    """l'(w_p'x_q, y_q) a_ij with the dual of eq. 5, for any loss."""
    slope = SLOPES[loss]
    return lambda z_q, y_q, z_r, y_r, n: slope(z_q, y_q) * (-slope(z_r, y_r) / n)


def eq_15(z_q, y_q, z_r, y_r, n):
    """The same, written out for the squared error."""
    return 4.0 / n * (z_q - y_q) * (y_r - z_r)


def eq_16(z_q, y_q, z_r, y_r, n):
    """The same, written out for the squared hinge, with the positive parts that the paper leaves out."""
    return -4.0 / n * y_q * max(0.0, 1.0 - y_q * z_q) * y_r * max(0.0, 1.0 - y_r * z_r)


FORMS = {loss: eq_6(loss) for loss in SLOPES} | {"eq. 15": eq_15, "eq. 16": eq_16}
LOSS_OF = {loss: loss for loss in SLOPES} | {"eq. 15": "squared_error", "eq. 16": "squared_hinge"}


def dot(a, b):
    return sum(u * v for u, v in zip(a, b, strict=True))


def one_iteration(model, clean, injected, batch, push, *, eta, radius):
    """The injected features after one iteration; ``push`` is l' times a."""
    X, y, task, signs = clean
    moving, y_r, task_r, signs_r = injected
    fitted = clone(model).fit(np.vstack([X, moving]), np.append(y, y_r), task=np.append(task, task_r))
    W = {label: [*fitted.coef_[i], fitted.intercept_[i]] for i, label in enumerate(fitted.tasks_)}
    Omega, m = fitted.task_covariance_, len(W)
    Phi = Omega @ np.linalg.inv(model.lambda_1 * Omega + model.lambda_2 * np.eye(m))
    place = {label: i for i, label in enumerate(fitted.tasks_)}
    n = {label: int((task == label).sum() + (task_r == label).sum()) for label in W}
    z_r = [dot(W[t], [*x, 1.0]) for x, t in zip(moving, task_r, strict=True)]

    moving = [list(x) for x in moving]
    for q in batch:
        p, z_q = task[q], dot(W[task[q]], [*X[q], 1.0])
        for r, i in enumerate(task_r):
            force = eta * push(z_q, signs[q], z_r[r], signs_r[r], n[i]) * Phi[place[i], place[p]]
            moved = [v + force * u for v, u in zip(moving[r], X[q], strict=True)]
            norm = sqrt(dot(moved, moved))
            moving[r] = [v * radius / norm for v in moved] if norm > radius else moved
    return np.array(moving)


class Replay:
    """A seeded attack together with what it drew."""

    def __init__(self, attack, model, data, threat, seed):
        X, y, task = data
        self.model, self.attack, self.threat = model, attack, threat
        self.after = []
        self.result = attack.poison(
            model, X, y, task=task, threat=threat, random_state=seed, callback=lambda _, moved: self.after.append(moved)
        )
        self.clean = (X, y, task, _signs(y))
        program = bilevel(model, X, y, task, threat)
        (self.rng,) = np.random.default_rng(seed).spawn(1)
        self.start = draw(program, attack.features, attack.labels, self.rng)
        by_task = np.argsort(task, kind="stable")
        self.choices = np.concatenate([by_task[task[by_task] == label] for label in sorted(threat.targets)])

    def batches(self):
        """Positions in the clean data of every iteration's samples."""
        size = round(self.attack.batch_ratio * self.choices.size)
        for _ in range(self.attack.max_iter):
            yield self.rng.choice(self.choices, size=size)

    def expect(self, moving, batch, push):
        """The injected rows after one iteration from ``moving``."""
        injected = (moving, self.result.y, self.result.task, _signs(self.result.y))
        return one_iteration(
            self.model,
            self.clean,
            injected,
            batch,
            push,
            eta=self.attack.step_size,
            radius=self.threat.region.radius,
        )

    def share_beyond_the_bend(self):
        """Of the clean target rows and the injected ones, those where the positive part or Huber's bend acts."""
        victim, result, (X, _, task, signs) = self.result.model, self.result, self.clean
        X, task = np.vstack([X[self.choices], result.X]), np.append(task[self.choices], result.task)
        signs = np.append(signs[self.choices], _signs(result.y))
        if victim.loss == "huber":
            return (np.abs(victim.predict(X, task=task) - signs) > DELTA).mean()
        return (victim.decision_function(X, task=task) * signs > 1.0).mean()


def _signs(y):
    return np.where(y == "yes", 1.0, -1.0) if y.dtype.kind == "U" else y


@pytest.fixture
def cold(monkeypatch):
    """Solve (1) from zero as ``fit`` does: a warm start moves the last digits of W, which a step of 100 magnifies."""
    solve = Bilevel.solve
    monkeypatch.setattr(Bilevel, "solve", lambda program, injection, start=None: solve(program, injection, None))  # noqa: ARG005


@pytest.mark.in_turn
@pytest.mark.usefixtures("cold")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", FORMS)
def test_three_iterations_follow_the_transcription(make_tasks, make_victim, form, kind):
    loss = LOSS_OF[form]
    model = make_victim(loss, **({"lambda_1": 0.05, "lambda_2": 0.1} | SETTINGS.get(form, {})))
    threat = ThreatModel(*KINDS[kind], budget=0.2, region=Ball(radius=0.9))
    replay = Replay(PATOM(max_iter=3), model, make_tasks(loss), threat, seed=5)
    np.testing.assert_array_equal(replay.after[0], replay.start.X)
    for iteration, batch in enumerate(replay.batches(), start=1):
        # Each iteration from the attack's own last one: a step of 100 magnifies the last digits of the one before.
        before = replay.after[iteration - 1]
        moving = replay.expect(before, batch, FORMS[form])
        assert np.abs(moving - before).max() > 1e-3
        np.testing.assert_allclose(replay.after[iteration], moving, rtol=0, atol=1e-10)
    np.testing.assert_array_equal(replay.result.X, replay.after[3])
    if form in SETTINGS:
        assert 0.05 < replay.share_beyond_the_bend() < 0.95


@pytest.mark.usefixtures("cold")
@pytest.mark.parametrize("step_size", [1.0, 1e3])
def test_sweeps_inside_the_region_and_along_its_boundary(make_tasks, make_victim, step_size):
    model = make_victim("squared_error", lambda_1=0.01, lambda_2=0.01)
    threat = ThreatModel(["a"], ["a", "b"], budget=0.4)
    replay = Replay(PATOM(step_size=step_size, max_iter=2), model, make_tasks("squared_error"), threat, seed=1)
    moving = replay.start.X
    for iteration, batch in enumerate(replay.batches(), start=1):
        moving = replay.expect(moving, batch, eq_15)
        np.testing.assert_allclose(replay.after[iteration], moving, rtol=0, atol=1e-10)


COUPLINGS = {
    "graph": {"task_covariance": graph_covariance(np.ones((4, 4)) - np.eye(4))},
    "singular": {"task_covariance": np.ones((4, 4))},
    "no lambda_1": {"lambda_1": 0.0},
    "no lambda_2": {"lambda_2": 0.0},
}


@pytest.mark.usefixtures("cold")
@pytest.mark.parametrize("settings", COUPLINGS.values(), ids=COUPLINGS.keys())
def test_other_couplings(make_tasks, make_victim, settings):
    threat = ThreatModel(["a", "b"], ["b", "c"], budget=0.2)
    replay = Replay(
        PATOM(max_iter=2), make_victim("huber", huber_delta=DELTA, **settings), make_tasks("huber"), threat, seed=2
    )
    moving = replay.start.X
    for iteration, batch in enumerate(replay.batches(), start=1):
        moving = replay.expect(moving, batch, FORMS["huber"])
        np.testing.assert_allclose(replay.after[iteration], moving, rtol=0, atol=1e-10)


@pytest.mark.parametrize("loss", ["squared_error", "squared_hinge"])
def test_warm_starts_lead_to_the_same_rows(make_tasks, make_victim, loss):
    model = make_victim(loss)
    threat = ThreatModel(["a"], ["a"], budget=0.2)
    replay = Replay(PATOM(max_iter=3), model, make_tasks(loss), threat, seed=3)
    for iteration, batch in enumerate(replay.batches()):
        moving = replay.expect(replay.after[iteration], batch, FORMS[loss])
        np.testing.assert_allclose(replay.after[iteration + 1], moving, rtol=0, atol=1e-9)


def test_a_batch_holds_three_draws_for_each_clean_row_of_the_targets(make_tasks, make_victim, monkeypatch):
    seen = []

    def record(X, samples, *_):
        seen.append(samples)
        return X

    monkeypatch.setattr("patom.attacks.patom.sweep", record)
    X, y, task = make_tasks("squared_error")
    attack, threat = PATOM(max_iter=2), ThreatModel(["b", "c"], ["a"], budget=0.2)
    attack.poison(make_victim("squared_error"), X, y, task=task, threat=threat, random_state=0)
    allowed = {row.tobytes() for row in X[np.isin(task, ["b", "c"])]}
    assert [len(samples) for samples in seen] == [3 * 30, 3 * 30]
    for samples in seen:
        drawn = {row.tobytes() for row in samples}
        assert drawn <= allowed
        assert len(drawn) > 0.8 * len(allowed)
    assert not np.array_equal(*seen)
