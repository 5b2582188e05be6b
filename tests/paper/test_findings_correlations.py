"""Fig. 3 from made-up matrices whose answers are known."""

import itertools
import re

import numpy as np
import pytest

from patom.plain_json import finite

FLIPS, BOUND = "subvert", "strongly correlated"
TASKS = ["1", "2", "3", "4", "5"]


def matrix(off_diagonal):
    """Symmetric matrix with ones on the diagonal, from the entries above it."""
    built = np.eye(5)
    built[np.triu_indices(5, k=1)] = off_diagonal
    return built + np.triu(built, k=1).T


@pytest.fixture(name="case", scope="module")
def fixture_case(row):
    """Build a row of a hybrid attack through tasks 2, 3 and 5, from matrices of five tasks."""

    def case(clean, attacked, **changes):
        base = {
            "figure": "correlations", "tasks": TASKS, "targets": ["2"], "attackers": ["2", "3", "5"], "budget": 0.3,
            "correlation_clean": np.ravel(clean).tolist(), "correlation": np.ravel(attacked).tolist(),
            "spectrum_clean": [0.7, 0.2, 0.1], "spectrum": [0.9, 0.1],
        }  # fmt: skip
        return row("patom-hybrid", **base | changes)

    return case


def random_matrix(rng):
    return matrix(rng.uniform(-1.0, 1.0, size=10))


def flips(clean, attacked):
    pairs = [(clean[i, j], attacked[i, j]) for i in range(5) for j in range(i + 1, 5)]
    return sum(a * b < 0 and abs(a) > 0.1 and abs(b) > 0.1 for a, b in pairs) / 10


def among(correlation):
    return np.mean([abs(correlation[i, j]) for i, j in ((1, 2), (1, 4), (2, 4))])


def test_what_the_maps_show_is_measured_over_seeds(case, found, students):
    rng = np.random.default_rng(0)
    clean = [random_matrix(rng) for _ in range(4)]
    attacked = {pair: [random_matrix(rng) for _ in range(4)] for pair in "AB"}
    rows = [case(clean[seed], attacked[pair][seed], seed=seed, pair=pair) for seed in range(4) for pair in "AB"]
    (entry,) = found(rows)["correlations"]
    assert (entry["title"], entry["tasks"], entry["seed"]) == ("E", TASKS, 0)
    first, *cases = entry["maps"]
    assert (first["label"], first["targets"], first["attackers"], first["budget"]) == ("clean", [], [], 0.0)
    np.testing.assert_array_equal(first["correlation"], clean[0])
    assert [each["label"] for each in cases] == ["case A", "case B"]
    for each, pair in zip(cases, "AB", strict=True):
        assert (each["targets"], each["attackers"], each["budget"]) == (["2"], ["2", "3", "5"], 0.3)
        np.testing.assert_array_equal(each["correlation"], attacked[pair][0])
        matrices = list(zip(clean, attacked[pair], strict=True))
        assert each["flipped"] == students([flips(*both) for both in matrices])
        upper = np.triu_indices(5, k=1)
        assert each["shift"] == students([np.abs(b - a)[upper].mean() for a, b in matrices])
        assert each["among_attackers"] == students([among(b) for _, b in matrices])
        assert each["among_attackers_clean"] == students([among(a) for a, _ in matrices])


def test_spectra_have_a_value_for_every_task(case, found):
    (entry,) = found([case(np.eye(5), np.eye(5), seed=seed) for seed in (0, 1)])["correlations"]
    clean, attacked = entry["maps"]
    assert clean["spectrum"] == [0.7, 0.2, 0.1, 0.0, 0.0]
    assert attacked["spectrum"] == [0.9, 0.1, 0.0, 0.0, 0.0]


def test_maps_are_of_the_first_seed_in_which_no_case_failed(case, failed, found):
    rng = np.random.default_rng(1)
    maps = {(seed, pair): random_matrix(rng) for seed in range(3) for pair in "AB"}
    rows = [
        failed("patom-hybrid", figure="correlations", seed=0, pair="B", budget=0.3)
        if (seed, pair) == (0, "B") else case(random_matrix(rng), maps[seed, pair], seed=seed, pair=pair)
        for seed in range(3) for pair in "AB"
    ]  # fmt: skip
    (entry,) = found(rows)["correlations"]
    assert entry["seed"] == 1
    for each, pair in zip(entry["maps"][1:], "AB", strict=True):
        np.testing.assert_array_equal(each["correlation"], maps[1, pair])


def test_attacks_and_budgets_of_a_pair_are_cases_of_their_own(case, found):
    strong, weak = matrix(0.9), matrix(0.2)
    rows = []
    for seed in (0, 1):
        rows += [case(weak, strong, seed=seed, budget=budget) for budget in (0.1, 0.3)]
        rows.append(case(weak, weak, seed=seed) | {"method": "random-hybrid", "attack": "random"})
    results = found(rows)
    cases = results["correlations"][0]["maps"][1:]
    assert [(each["label"], each["budget"]) for each in cases] == [
        ("case A, PATOM, hybrid", 0.1), ("case A, PATOM, hybrid", 0.3), ("case A, random, hybrid", 0.3),
    ]  # fmt: skip
    assert [each["among_attackers"]["mean"] for each in cases] == pytest.approx([0.9, 0.9, 0.2])
    # The claims are PATOM's.
    (evidence,) = next(claim for claim in results["claims"] if BOUND in claim["claim"])["evidence"]
    assert evidence["value"].startswith("0.90 ")


def test_correlations_that_are_no_numbers_are_none(case, found):
    broken = matrix(0.5)
    broken[0, 1] = broken[1, 0] = np.nan
    rows = [finite(case(broken, matrix(-0.5), seed=seed)) for seed in (0, 1)]
    (entry,) = found(rows)["correlations"]
    clean, attacked = entry["maps"]
    assert clean["correlation"][0] == [1.0, None, 0.5, 0.5, 0.5]
    assert attacked["flipped"]["mean"] == 1.0
    assert attacked["shift"]["mean"] == 1.0


def test_a_single_attacker_correlates_with_nobody(case, found, holds):
    rows = [case(matrix(0.5), matrix(-0.5), seed=seed, attackers=["3"]) for seed in range(3)]
    attacked = found(rows)["correlations"][0]["maps"][1]
    assert attacked["among_attackers"] == {"mean": None, "low": None, "high": None}
    assert holds(rows, BOUND) is None
    assert holds(rows, FLIPS) is True


# -- Claims --------------------------------------------------------------------------------------------------------


def flipped_matrix(share):
    """Of ten pairs of tasks a share has turned from 0.5 to -0.5."""
    return matrix([-0.5] * round(10 * share) + [0.5] * (10 - round(10 * share)))


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ((0.2, 0.2, 0.2), True),
        ((0.1, 0.1, 0.1), False),  # 10 % is not above 10 %
        ((0.3, 0.3, 0.4), True),  # 0.333 - 4.303 x 0.0577 / 3^(1/2) = 0.190
        ((0.1, 0.2, 0.3), False),  # 0.2 - 4.303 x 0.1 / 3^(1/2) < 0
        ((0.9,), None),
    ],
)
def test_signs_flip_in_more_than_a_tenth_of_the_pairs(case, holds, shares, expected):
    rows = [case(matrix(0.5), flipped_matrix(share), seed=seed) for seed, share in enumerate(shares)]
    assert holds(rows, FLIPS) is expected


def test_small_correlations_do_not_flip(case, holds):
    assert holds([case(matrix(0.09), matrix(-0.9), seed=seed) for seed in range(3)], FLIPS) is False
    assert holds([case(matrix(0.9), matrix(-0.09), seed=seed) for seed in range(3)], FLIPS) is False


def test_cases_are_averaged_within_a_seed(case, claim):
    rows = [
        case(matrix(0.5), flipped_matrix(share), seed=seed, pair=pair)
        for seed in range(3) for pair, share in (("A", 0.0), ("B", 0.4))
    ]  # fmt: skip
    (evidence,) = claim(rows, FLIPS)["evidence"]
    assert evidence == {
        "setting": "E",
        "value": "20 % (20 % to 20 %) of the pairs change sign; mean rank of Omega 3.0 clean, 2.0 attacked",
        "holds": True,
    }


@pytest.mark.parametrize(("low", "expected"), [(0.8 + 1e-6, True), (0.8 - 1e-6, False)])
def test_attackers_correlate_above_eight_tenths(case, holds, ending_at, low, expected):
    rows = [case(matrix(0.1), matrix(size), seed=seed) for seed, size in enumerate(ending_at(low=low))]
    assert holds(rows, BOUND) is expected


@pytest.mark.parametrize(("low", "expected"), [(1e-6, True), (-1e-6, False)])
def test_attackers_correlate_more_than_before(case, holds, ending_at, low, expected):
    # Sizes count, so one side may be negative.
    rows = [case(matrix(gain - 0.9), matrix(0.9), seed=seed) for seed, gain in enumerate(ending_at(low=low))]
    assert holds(rows, BOUND) is expected


def test_both_parts_must_hold(case, holds):
    def answer(clean, attacked):
        return holds([case(matrix(clean), matrix(attacked), seed=seed) for seed in range(3)], BOUND)

    assert answer(0.3, 0.85) is True
    assert answer(0.3, 0.75) is False
    assert answer(0.95, 0.85) is False


# -- Claims: positive in contrast with the others, tasks 2 and 3 of SARCOS -----------------------------------------

CONTRAST, TWO_AND_THREE = "in contrast with the other tasks", "tasks 2 and 3"


def with_attackers_at(own, other):
    """Attacking tasks 2, 3 and 5 correlate by one number, all other pairs by another."""
    built = matrix(np.full(10, other))
    for i, j in ((1, 2), (1, 4), (2, 4)):
        built[i, j] = built[j, i] = own
    return built


@pytest.mark.parametrize(
    ("own", "other", "expected"),
    [((0.9, 0.91, 0.9), 0.2, True), ((-0.9, -0.91, -0.9), -1.0, False), ((0.9, 0.91, 0.9), 0.95, False),
     ((0.9, 0.7, 0.9), 0.2, False), ((0.9,), 0.2, None), ((0.79, 0.791, 0.79), 0.2, False),
     ((0.81, 0.811, 0.81), 0.2, True), ((0.9, 0.91, 0.9), 0.9, False), ((1.0, 1.0, 1.0), 1.0, None)],
)  # fmt: skip
def test_attackers_are_positively_correlated_and_the_others_less(case, claim, own, other, expected):
    rows = [case(np.eye(5), with_attackers_at(value, other), seed=seed) for seed, value in enumerate(own)]
    (evidence,) = claim(rows, CONTRAST)["evidence"]
    assert evidence["holds"] is expected
    assert evidence["value"].startswith(f"{np.mean(own):.2f}")
    assert f"{np.mean(own) - other:.2f}" in evidence["value"]


def test_pairs_with_one_attacking_task_are_among_the_others(case, claim):
    built = np.eye(5)
    for i, j in itertools.combinations(range(5), 2):  # tasks 2, 3 and 5 attack
        inside = len({i, j} & {1, 2, 4})
        built[i, j] = built[j, i] = (0.1, 0.5, 0.9)[inside]
    rows = [case(np.eye(5), built, seed=seed) for seed in range(3)]
    (evidence,) = claim(rows, CONTRAST)["evidence"]
    assert evidence["value"].startswith("0.90 ")
    assert f"{0.9 - (1 * 0.1 + 6 * 0.5) / 7:.2f}" in evidence["value"]


@pytest.mark.parametrize(("before", "after", "expected"), [(1.0, 1.0, None), (1.0, 0.9, False), (0.5, 1.0, True)])
def test_where_all_are_one_before_and_after_nothing_can_be_said(case, claim, before, after, expected):
    rows = [
        case(with_attackers_at(before, 0.2), with_attackers_at(after - 0.001 * seed * (after < 1), 0.2), seed=seed)
        for seed in range(3)
    ]
    (evidence,) = claim(rows, "more than before")["evidence"]
    assert evidence["holds"] is expected


def two_and_three(value):
    built = np.eye(5)
    built[1, 2] = built[2, 1] = value
    return built


@pytest.mark.parametrize(
    ("clean", "attacked", "expected"),
    [
        (-0.99, {"A": 0.2, "B": 0.99}, True),
        (-0.99, {"A": 0.2, "B": 0.5}, False),
        (-0.5, {"A": 0.99}, False),
        (-0.89, {"A": 0.99}, False),
        (-0.99, {"A": 0.895}, False),
        (-0.91, {"A": 0.91}, True),
    ],
)
def test_tasks_two_and_three_go_from_opposite_to_alike_under_one_attack(case, claim, clean, attacked, expected):
    rows = [
        case(two_and_three(clean + 0.001 * seed), two_and_three(after - 0.001 * seed), seed=seed, pair=pair)
        for pair, after in attacked.items() for seed in range(3)
    ]  # fmt: skip
    (evidence,) = claim(rows, TWO_AND_THREE)["evidence"]
    assert evidence["holds"] is expected
    for pair, after in attacked.items():
        assert re.search(rf"case {pair} .*?, above 0\.9 in {3 if after > 0.9 else 0} of 3 runs", evidence["value"])
    assert claim([row | {"data": "landmine"} for row in rows], TWO_AND_THREE) is None
