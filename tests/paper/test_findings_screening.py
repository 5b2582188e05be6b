"""Rankings of tasks as detectors: their measures against brute force, and what the table and the claim say."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from patom.paper.findings.screening import FOLLOW_UP, RANKINGS, alarms, effort_saved, precision, ranked, roc_auc

TASKS = ["1", "2", "3", "4", "5"]
CLAIM = "local correlations"


@pytest.fixture(name="screened", scope="module")
def fixture_screened(row):
    """Build a row of five tasks of which "3" and "4" are malicious; all rankings alike unless told otherwise."""

    def build(values=(0.0, 1.0, 9.0, 2.0, 3.5), method="ascent-indirect", **changes):
        names = [name + when for name in RANKINGS if name != FOLLOW_UP for when in ("", "_clean")]
        given = {name: list(values) for name in names}
        follow_up = {"next_to": ["4", "1", "2", "5"], "next_to_clean": ["1", "2", "5", "4"]}
        return row(method, figure="screening", tasks=TASKS, **(given | follow_up | changes))

    return build


def random_case(rng, ties=False):
    malicious = np.zeros(6, dtype=bool)
    malicious[rng.choice(6, size=rng.integers(1, 6), replace=False)] = True
    return (rng.integers(0, 3, 6).astype(float) if ties else rng.standard_normal(6)), malicious


@pytest.mark.parametrize("ties", [False, True])
def test_the_area_is_that_of_scikit_learn(ties):
    rng = np.random.default_rng(0)
    for _ in range(20):
        values, malicious = random_case(rng, ties)
        assert roc_auc(values, malicious) == pytest.approx(roc_auc_score(malicious, values))


def test_effort_is_measured_against_the_mean_of_all_orders():
    """A random order's honest tasks before the last malicious one, by listing all orders; so random saves nothing."""
    rng = np.random.default_rng(1)
    for _ in range(5):
        _, malicious = random_case(rng)
        orders = [np.array(order, dtype=float) for order in itertools.permutations(range(6))]
        assert np.mean([effort_saved(order, malicious) for order in orders]) == pytest.approx(0.0, abs=1e-12)
    values, malicious = np.arange(4.0), np.array([False, True, False, True])
    assert effort_saved(np.where(malicious, 1.0, 0.0), malicious) == 1.0
    assert effort_saved(np.where(malicious, 0.0, 1.0), malicious) == pytest.approx(-0.5)
    assert effort_saved(values, malicious) == pytest.approx(1.0 - 1.0 / (2.0 * 2.0 / 3.0))


def test_precision_is_that_of_the_first_ones():
    values, malicious = np.array([5.0, 4.0, 3.0, 2.0]), np.array([True, False, False, True])
    assert precision(values, malicious) == 0.5
    assert precision(-values, malicious) == 0.5
    assert precision(np.array([5.0, 1.0, 1.0, 4.0]), malicious) == 1.0


def test_ties_are_of_no_help():
    malicious = np.array([True, True, False, False])
    assert precision(np.zeros(4), malicious) == 0.0
    assert effort_saved(np.zeros(4), malicious) == pytest.approx(-0.5)
    assert roc_auc(np.zeros(4), malicious) == 0.5


@pytest.mark.parametrize("malicious", [np.zeros(3, dtype=bool), np.ones(3, dtype=bool)])
def test_without_two_sorts_of_tasks_nothing_is_measured(malicious):
    assert np.isnan(roc_auc(np.arange(3.0), malicious))
    assert np.isnan(effort_saved(np.arange(3.0), malicious))


def test_malicious_are_the_attacking_tasks(screened):
    values, malicious = ranked(screened(), "suspicion")
    assert malicious.tolist() == [False, False, True, True, False]
    assert values.tolist() == [0.0, 1.0, 9.0, 2.0, 3.5]
    direct = screened(method="ascent-direct", attackers=["1", "2"])
    assert ranked(direct, "suspicion")[1].tolist() == [True, True, False, False, False]
    unknown = screened(score_change=[None, 1.0, 2.0, None, 0.5])
    assert ranked(unknown, "score_change")[0].tolist() == [-np.inf, 1.0, 2.0, -np.inf, 0.5]


def test_the_follow_up_ranks_who_is_left(screened):
    values, malicious = ranked(screened(), FOLLOW_UP)
    assert malicious.tolist() == [True, False, False, False]
    assert (np.diff(values) < 0.0).all()
    assert roc_auc(values, malicious) == 1.0
    assert roc_auc(*ranked(screened(), "next_to_clean")) == 0.0


def test_alarms_are_of_honest_tasks(screened):
    assert alarms(screened(), "suspicion") == pytest.approx(1.0 / 3.0)  # task 5 of 1, 2 and 5
    assert alarms(screened(), "suspicion_clean") == pytest.approx(2.0 / 5.0)  # all are honest


def test_the_table_has_a_row_for_each_ranking_and_budgets_apart(screened, found):
    worse = (9.0, 1.0, 0.0, 2.0, 3.5)
    rows = [screened(seed=seed, budget=budget, suspicion=list(worse) if budget == 0.4 else [0.0, 1.0, 9.0, 8.0, 7.0])
            for seed in range(3) for budget in (0.1, 0.4)]  # fmt: skip
    rows += [screened(method="random-direct", attackers=["1", "2"], seed=seed) for seed in range(3)]
    (entry,) = found(rows)["screening"]
    assert entry["columns"][-2:] == ["ROC AUC, budget 10 %", "ROC AUC, budget 40 %"]
    (heading, lines), (other, _) = entry["groups"]
    assert heading == "ascent, indirect; damage to the targets' test metric 20 % (20 % to 20 %)"
    assert other.startswith("random, direct; ")
    assert [line[0] for line in lines] == list(RANKINGS.values())
    assert all(len(line) == len(entry["columns"]) for line in lines)
    first = lines[0]
    assert first[1].startswith("0.58 (")  # 1 and 1/6
    assert first[2].startswith("0.83 (")  # of the clean rows
    assert first[3].startswith("50 % (")  # all and none
    assert first[4].startswith("25 % (")  # all and -1/2
    assert [words.split()[0] for words in first[5:7]] == ["50", "40"]  # of 1/3 and 2/3, and of all five tasks
    assert [words.split()[0] for words in first[7:]] == ["1.00", "0.17"]
    assert lines[2][5:7] == ["", ""]


def test_panels_have_suspicion_by_attack_and_scores_of_optimised_rows(screened, found):
    rows = [screened(seed=seed) for seed in range(2)]
    rows += [screened((0.0, 1.0, 2.0, 3.0, 4.0), method="random-indirect", seed=seed) for seed in range(2)]
    (entry,) = found(rows)["screening"]
    (panel,) = entry["panels"]
    assert panel["kind"] == "indirect"
    lines = {line["label"]: line for line in panel["lines"]}
    assert list(lines) == [
        "suspicion, ascent", "suspicion, random", "own loss", "harm", "reach", "change", "correlation",
    ]  # fmt: skip
    assert lines["suspicion, random"]["auc"][0]["mean"] == pytest.approx(4.0 / 6.0)
    assert lines["reach"]["auc"][0]["mean"] == lines["suspicion, ascent"]["auc"][0]["mean"] == pytest.approx(5.0 / 6.0)
    assert panel["clean"]["mean"] == pytest.approx(0.5 * (4.0 / 6.0 + 5.0 / 6.0))


def test_the_claim_is_judged_under_optimised_attacks(screened, holds, claim, found):
    for values, answer in (((0.0, 0.0, 2.0, 1.0, 0.5), True), ((2.0, 1.0, 0.0, 0.0, 1.0), False)):
        rows = [
            screened(score_correlation=list(values), score_correlation_clean=[0.0] * 5, seed=seed) for seed in range(3)
        ]
        assert holds(rows, CLAIM) is answer
        as_before = [row | {"score_correlation_clean": row["score_correlation"]} for row in rows]
        assert holds(as_before, CLAIM) is False
    assert claim([screened(method="random-indirect", seed=seed) for seed in range(3)], CLAIM) is None
    assert found([])["screening"] == []
