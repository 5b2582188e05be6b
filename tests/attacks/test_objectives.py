"""Objectives: utility and gradient against plain formulas, the hypergradient against problem (1) solved anew."""

import re
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypergradient_problems import KINDS, LOSSES, REGRESSION, VALUES, assert_derivative, attack_on

from patom import MTRLClassifier, MTRLRegressor, ThreatModel
from patom.attacks import Availability, Sparing, Targeted
from patom.attacks.gradients import GradientStatus
from patom.attacks.program import bilevel


@dataclass(frozen=True)
class Aimed:
    """An objective, and its utility written out: ``value`` of the attack, predictions z(X, task) and own rows."""

    make: callable
    value: callable

    def measure(self, attack):
        """As ``Attack.utility`` wants it."""

        def of(fitted):
            z, (X, y, task) = predictions(fitted), own_rows(attack)
            return self.value(attack, z), VALUES[attack.model.loss][1](z(X, task), y)

        return of


def predictions(fitted):
    W = np.column_stack([fitted.coef_, fitted.intercept_])
    return linear(W, fitted.tasks_)


def linear(W, tasks):
    place = {label: i for i, label in enumerate(tasks.tolist())}
    return lambda X, task: np.einsum(
        "np,np->n", np.column_stack([X, np.ones(len(X))]), W[[place[label] for label in task]]
    )


def own_rows(attack):
    """Rows of the target tasks that are no training rows, more of one task than of the other, in no order."""
    rng = np.random.default_rng(7)
    task = rng.permutation(np.repeat(attack.targets, [5, 2][: len(attack.targets)]))
    X, y = rng.standard_normal((task.size, attack.X.shape[1])), rng.standard_normal(task.size)
    return X, y if attack.model.loss in REGRESSION else np.sign(y), task


def losses(attack, z, X, y, task):
    return VALUES[attack.model.loss][0](z(X, task), y)


def availability(over_tasks, *, own=False):
    def make(attack):
        return Availability(over_tasks, *own_rows(attack)) if own else Availability(over_tasks)

    def value(attack, z):
        aimed = np.isin(attack.task, attack.targets)
        X, y, task = own_rows(attack) if own else (attack.X[aimed], attack.y[aimed], attack.task[aimed])
        loss = losses(attack, z, X, y, task)
        by_task = [loss[task == label].mean() for label in attack.targets]
        return {"mean": loss.mean(), "worst": max(by_task), "least": min(by_task)}[over_tasks]

    return Aimed(make, value)


def targeted(direction):
    def value(attack, z):
        X, _, task = own_rows(attack)
        return {"raise": 1.0, "lower": -1.0}[direction] * z(X, task).mean()

    return Aimed(lambda attack: Targeted(*own_rows(attack)[::2], direction), value)


def sparing(inner, weight):
    def value(attack, z):
        others = ~np.isin(attack.task, attack.targets)
        loss = losses(attack, z, attack.X[others], attack.y[others], attack.task[others])
        return inner.value(attack, z) - weight * loss.mean()

    return Aimed(lambda attack: Sparing(inner.make(attack), weight), value)


OVER = ("mean", "worst", "least")
CASES = (
    {name: availability(name) for name in OVER}
    | {f"{name}, own rows": availability(name, own=True) for name in OVER}
    | {direction: targeted(direction) for direction in ("raise", "lower")}
    | {"sparing mean": sparing(availability("mean"), 0.7), "sparing lower": sparing(targeted("lower"), 2.0)}
    | {"sparing worst, own rows": sparing(availability("worst", own=True), 0.3)}
    | {"sparing twice": sparing(sparing(availability("least"), 0.5), 0.25)}
)


@pytest.fixture(params=CASES)
def aimed(request):
    return CASES[request.param]


@pytest.mark.in_turn
@pytest.mark.parametrize("loss", LOSSES)
def test_utility_and_gradient_at_any_weights(aimed, loss):
    attack = attack_on(loss, "indirect")
    threat = ThreatModel(attack.targets, attack.targets, 1.0, objective=aimed.make(attack))
    program = bilevel(attack.model, attack.X, attack.y, attack.task, threat)
    shape = (4, attack.X.shape[1] + 1)
    for seed in range(3):
        W = np.random.default_rng(seed).standard_normal(shape)

        def value(W):
            return aimed.value(attack, linear(W, program.problem.tasks))

        assert program.utility(W) == pytest.approx(value(W), rel=1e-12)
        steps = 1e-6 * np.eye(W.size).reshape(-1, *shape)
        differences = np.reshape([(value(W + step) - value(W - step)) / 2e-6 for step in steps], shape)
        np.testing.assert_allclose(program.aim.gradient(W), differences, atol=1e-7 * np.abs(differences).max())


@pytest.mark.in_pairs
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", ["squared_error", "huber", "squared_hinge", "logistic"])
def test_hypergradients_are_finite_differences_of_the_whole_problem(aimed, loss, kind):
    attack = attack_on(loss, kind, seed=3, lambda_1=0.01, lambda_2=0.01)
    found = attack.gradient(objective=aimed.make(attack))
    assert found.status is GradientStatus.SMOOTH
    assert_derivative(attack, found.features, aimed.measure(attack))


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("weight", "settings"), [(0.001, {}), (0.1, {"task_covariance": np.diag([0.4, 0.3, 0.2, 0.1]) + 0.1})]
)
def test_hypergradients_with_other_lambdas_and_couplings(aimed, weight, settings):
    attack = attack_on("squared_error", "indirect", seed=1, lambda_1=weight, lambda_2=weight, **settings)
    assert_derivative(attack, attack.gradient(objective=aimed.make(attack)).features, aimed.measure(attack))


@pytest.mark.parametrize("gradient", ["exact", "frozen_covariance", "paper"])
def test_without_an_objective_it_is_the_mean_times_its_rows(gradient):
    attack = attack_on("logistic", "hybrid")
    n = np.isin(attack.task, attack.targets).sum()
    summed, mean = attack.gradient(gradient), attack.gradient(gradient, Availability())
    for part in ("features", "labels", "adjoint"):
        np.testing.assert_allclose(getattr(summed, part), n * getattr(mean, part), rtol=1e-12)


def twins(loss):
    """Tasks "a" and "d" hold the same rows; rows are injected into "b" and "c"."""
    attack = attack_on(loss, "indirect")
    first = attack.task == "a"
    rest = attack.task != "d"
    return replace(
        attack,
        X=np.vstack([attack.X[rest], attack.X[first]]),
        y=np.append(attack.y[rest], attack.y[first]),
        task=np.append(attack.task[rest], ["d"] * first.sum()),
    )


@pytest.mark.parametrize("over_tasks", ["worst", "least"])
@pytest.mark.parametrize("loss", ["squared_error", "logistic"])
def test_a_tie_between_tasks_is_a_kink(loss, over_tasks):
    attack = twins(loss)
    assert sorted(attack.targets) == ["a", "d"]
    tie = attack.gradient(objective=Availability(over_tasks))
    assert tie.status is GradientStatus.KINK
    assert attack.gradient(objective=Availability()).status is GradientStatus.SMOOTH
    alone = [replace(attack, targets=(label,)).gradient(objective=Availability()) for label in "ad"]
    errors = [np.linalg.norm(tie.features - side.features) for side in alone]
    assert min(errors) < 1e-7 * np.linalg.norm(tie.features)  # one of the slopes
    near = replace(attack, y=attack.y + 1e-4 * (attack.task == "a") * np.arange(attack.y.size)) if loss in REGRESSION \
        else replace(attack, X=attack.X * np.where(attack.task == "a", 1.001, 1.0)[:, None])  # fmt: skip
    assert near.gradient(objective=Availability(over_tasks)).status is GradientStatus.SMOOTH


def test_a_single_target_is_worst_and_least_and_no_kink():
    attack = replace(attack_on("huber", "hybrid"), targets=("b",))
    mean, *others = (attack.gradient(objective=Availability(over)) for over in OVER)
    for found in others:
        assert found.status is GradientStatus.SMOOTH
        np.testing.assert_allclose(found.features, mean.features, rtol=1e-12)


def test_no_weight_or_no_other_task_leaves_the_objective_as_it_is():
    attack = attack_on("squared_error", "direct")
    inner = attack.gradient(objective=Availability()).features
    np.testing.assert_array_equal(attack.gradient(objective=Sparing(Availability(), 0.0)).features, inner)
    everything = replace(attack, targets=tuple("abcd"))
    np.testing.assert_array_equal(
        everything.gradient(objective=Sparing(Availability(), 5.0)).features,
        everything.gradient(objective=Availability()).features,
    )
    threat = ThreatModel(everything.targets, ["a"], 1.0, objective=Sparing(Availability(), 5.0))
    program = bilevel(everything.model, everything.X, everything.y, everything.task, threat)
    assert program.utility(np.zeros((4, 4))) == pytest.approx((everything.y**2).mean())


def test_rows_may_come_in_any_order_and_form():
    attack = attack_on("squared_hinge", "hybrid")
    X, y, task = own_rows(attack)
    order = np.random.default_rng(0).permutation(y.size)
    plain = attack.gradient(objective=Availability("worst", X, y, task)).features
    for form in (
        Availability("worst", X[order], y[order], task[order]),
        Availability("worst", np.asfortranarray(X), y.astype(int)[:, None], task.astype(object)),
        Availability("worst", X.tolist(), y.tolist(), task.tolist()),
    ):
        np.testing.assert_allclose(attack.gradient(objective=form).features, plain, rtol=1e-9, atol=1e-15)
    assert Availability("worst", X.tolist(), y.tolist(), task.tolist()) == Availability("worst", X, y, task)
    assert Targeted(X, task) != Targeted(X + 1e-12, task)


def test_rows_are_the_objectives_own():
    X = np.ones((2, 3))
    objective = Targeted(X, ["a", "b"])
    X[:] = 7.0
    assert objective.X.max() == 1.0
    with pytest.raises(ValueError, match="read-only"):
        objective.X[0, 0] = 7.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Availability("best"),
            "over_tasks of Availability must be one of 'mean', 'worst', 'least'; got 'best'.",
        ),
        (lambda: Availability(y=[1.0]), "X and y of Availability must be given together, or neither for the training"),
        (lambda: Availability(X=[[1.0]]), "X and y of Availability must be given together"),
        (lambda: Availability(task=["a"]), "X and y of Availability must be given together"),
        (lambda: Availability(X=[[1.0], [2.0]], y=[1.0]), "y of Availability must hold 2 values, one a row; got 1."),
        (
            lambda: Availability(X=[[1.0]] * 3, y=[[1.0], [2.0, 3.0]]),
            "y of Availability must hold 3 values, one a row; got",
        ),
        (
            lambda: Availability(X=[["one"]], y=[1.0]),
            "X of Availability must be an array of numbers, shape (q, d); the given",
        ),
        (
            lambda: Availability(X=[[1.0], [1.0, 2.0]], y=[1, 2]),
            "X of Availability must be an array of numbers, shape (q, d)",
        ),
        (lambda: Targeted([1.0, 2.0]), "X of Targeted must be rows, shape (q, d); got an array of shape (2,)."),
        (lambda: Targeted(np.zeros((0, 3))), "X of Targeted must be rows, shape (q, d); got an array of shape (0, 3)."),
        (lambda: Targeted([[0.0, np.nan]]), "X of Targeted holds NaN in row 0, column 1;"),
        (lambda: Targeted([[0.0], [np.inf]]), "X of Targeted holds infinity in row 1, column 0;"),
        (lambda: Targeted([[1.0]], ["a", "b"]), "task must hold one label for each of the 1 rows of X; got 2."),
        (lambda: Targeted([[1.0], [2.0]], ["a", None]), "task holds a missing label in row 1;"),
        (lambda: Targeted([[1.0]], [{"a": 1}]), "task of Targeted must hold hashable labels, such as strings: unhash"),
        (lambda: Targeted([[1.0]], direction="up"), "direction of Targeted must be one of 'raise', 'lower'; got 'up'."),
        (lambda: Sparing(None), "objective of Sparing must be an objective such as Availability(); got None."),
        (lambda: Sparing(Availability), "objective of Sparing must be an objective such as Availability(); got <class"),
        (lambda: Sparing(Availability(), -1.0), "weight of Sparing must be a finite number at least 0.0; got -1.0."),
        (lambda: Sparing(Availability(), np.nan), "weight of Sparing must be a finite number at least 0.0; got nan."),
    ],
)
def test_what_cannot_be_an_objective_is_one_sentence(make, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        make()


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (Targeted([[1.0, 2.0]], ["a"]), "X of Targeted has 2 columns; the training data have 3."),
        (Targeted(np.ones((1, 3)), ["z"]), "task of Targeted names the task 'z', which the training data do not hold;"),
        (Targeted(np.ones((1, 3))), "task of Targeted names the task 0, which the training data do not hold;"),
        (
            Targeted(np.ones((2, 3)), ["a", "b"]),
            "task of Targeted must name targets of the threat model only; row 1 is of task 'b'.",
        ),
        (
            Sparing(Availability("mean", np.ones((1, 3)), [1.0], ["c"])),
            "task of Availability must name targets of the threat model only; row 0 is of task 'c'.",
        ),
        (
            Availability("mean", np.ones((1, 3)), [np.nan], ["a"]),
            "y of Availability must be targets like those of the data: y holds NaN in row 0;",
        ),
        (
            Availability("mean", np.ones((1, 3)), ["yes"], ["a"]),
            "y of Availability must be targets like those of the data: y holds the label",
        ),
        (
            Availability("mean", np.ones((1, 3)), [None], ["a"]),
            "y of Availability must be targets like those of the data: y holds the label None in row 0;",
        ),
    ],
)
def test_rows_that_do_not_fit_the_data_are_refused(objective, message):
    attack = attack_on("squared_error" if "NaN" in message else "logistic", "indirect")
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        attack.gradient(objective=objective)


def test_classes_are_named_as_in_the_data():
    attack = attack_on("logistic", "indirect")
    X, y, task = own_rows(attack)
    names = np.array(["no", "yes"])
    threat = ThreatModel(
        attack.targets, ["b"], 1.0, objective=Availability("mean", X, names[(y > 0).astype(int)], task)
    )
    named = bilevel(MTRLClassifier(loss="logistic"), attack.X, names[(attack.y > 0).astype(int)], attack.task, threat)
    W = np.random.default_rng(0).standard_normal((4, 4))
    expected = losses(attack, linear(W, named.problem.tasks), X, y, task).mean()
    assert named.utility(W) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("objective", [None, "mean", Availability, MTRLRegressor()])
def test_a_threat_model_wants_an_objective(objective):
    with pytest.raises(
        ValueError, match=r"^objective of ThreatModel must be an objective such as Availability\(\); got"
    ):
        ThreatModel(["a"], ["b"], 0.2, objective=objective)
