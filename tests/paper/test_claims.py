"""The paper's claims about Fig. 2, and how a verdict comes from evidence."""

import itertools

import numpy as np
import pytest

from patom.paper.findings.claim import evidence, judged

LEADS, HALF, RANDOM = "direct attacks do more damage than indirect", "about 50 %", "PATOM does more damage than random"
PAIRS, NOTHING, RECOVERS = "For some pairs", "next to nothing", "rises a little"
METHODS = ("patom-direct", "patom-indirect", "random-direct", "random-indirect")
EPSILON = 1e-6


@pytest.fixture(name="table", scope="module")
def fixture_table(row):
    """Rows of attacks with given damages: one number for all seeds, or one a seed."""

    def table(damages, seeds=4, **changes):
        return [
            row(method, seed=seed, damage=float(np.broadcast_to(values, seeds)[seed]), **changes)
            for seed in range(seeds)
            for method, values in damages.items()
        ]

    return table


# -- The rule of a verdict -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        ([True], "reproduced"),
        ([False], "not reproduced"),
        ([None], "open"),
        ([True, True], "reproduced"),
        ([True, False], "partly"),
        ([False, False, False], "not reproduced"),
        ([True, None], "reproduced"),
        ([None, False], "not reproduced"),
        ([None, None], "open"),
        ([True, False, None], "partly"),
    ],
)
def test_a_verdict_weighs_the_settings_that_can_tell(answers, verdict):
    shown = evidence({f"s{k}": k for k in range(len(answers))}, lambda k: (f"v{k}", answers[k]))
    told = judged("it is so", "so", "It must be so.", shown).as_dict()
    assert told["verdict"] == verdict
    assert set(told) == {"claim", "paper", "ours", "verdict", "rule", "evidence"}
    assert told["evidence"][0] == {"setting": "s0", "value": "v0", "holds": answers[0]}
    some = len(answers) - answers.count(None)
    counted = f"met in {answers.count(True)} of {some} settings" if some else "no setting can tell; more seeds may"
    each = "; ".join(f"s{k}: v{k}" for k in range(len(answers)))
    assert told["ours"] == ("v0" if len(answers) == 1 else f"{counted}: {each}")
    assert told["rule"].startswith("It must be so. ")


def test_of_many_settings_only_the_number_is_told():
    shown = evidence({f"s{k}": k for k in range(6)}, lambda k: ("v", k < 2) if k < 5 else None)
    assert judged("it is so", "so", "It must be so.", shown).ours == "met in 2 of 5 settings"


def test_claims_come_in_the_papers_order_and_with_what_bears_on_them(row, found):
    assert found([row("patom-hybrid", seed=seed) for seed in range(3)])["claims"] == []
    rows = [
        row(method, seed=seed, experiment=data, data=data, budget=budget, pair=pair)
        for data in ("sarcos", "landmine", "mnist")
        for seed, method, budget, pair in itertools.product(range(3), METHODS, (0.1, 0.3), "AB")
    ]
    claims = found(rows)["claims"]
    words = [LEADS, HALF, RANDOM, PAIRS, NOTHING, RECOVERS]
    assert [next(word for word in words if word in claim["claim"]) for claim in claims] == words
    settings = {
        word: [item["setting"] for item in claim["evidence"]] for word, claim in zip(words, claims, strict=True)
    }
    everywhere = ["sarcos", "landmine", "mnist"]
    assert settings == {
        LEADS: everywhere, HALF: ["sarcos"], RANDOM: everywhere, PAIRS: everywhere,
        NOTHING: ["mnist"], RECOVERS: ["mnist"],
    }  # fmt: skip
    for claim in claims:
        assert claim["paper"]
        assert claim["rule"].count(".") >= 2


@pytest.mark.parametrize(
    ("methods", "budget", "words"),
    [
        (("patom-direct",), 0.2, set()),
        (("patom-indirect",), 0.2, {NOTHING}),
        (("patom-direct", "random-direct"), 0.2, {LEADS}),
        (("patom-direct", "patom-indirect"), 0.2, {LEADS, NOTHING}),
        (("patom-direct",), 0.1, set()),
    ],
)
def test_claims_without_evidence_are_left_out(row, found, methods, budget, words):
    rows = [row(method, seed=seed, data="mnist", budget=budget) for method in methods for seed in range(3)]
    found_words = {
        word for word in (LEADS, HALF, RANDOM, PAIRS, NOTHING, RECOVERS)
        if any(word in claim["claim"] for claim in found(rows)["claims"])
    }  # fmt: skip
    assert found_words == words


# -- What a claim compares -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [LEADS, RANDOM])
@pytest.mark.parametrize(
    ("data", "without", "missing"),
    [
        (("sarcos", "landmine", "mnist"), None, ""),
        (("sarcos", "mnist"), None, "no experiment on Landmine"),
        (("sarcos", "landmine", "mnist"), "random-direct", "no attack random, direct"),
        (("sarcos",), "patom-indirect", "no experiment on Landmine, MNIST; no attack PATOM, indirect"),
    ],
)
def test_a_claim_is_reproduced_only_where_all_that_it_compares_was_run(table, found, words, data, without, missing):
    damages = {"patom-direct": 0.5, "random-direct": 0.1, "patom-indirect": 0.2, "random-indirect": 0.1}
    # One data set has all methods, so that there is evidence.
    rows = [
        each | {"experiment": name}
        for k, name in enumerate(data)
        for each in table(damages, data=name)
        if k + 1 < len(data) or each["method"] != without
    ]
    told = [claim for claim in found(rows)["claims"] if words in claim["claim"]]
    if not told:
        assert words == RANDOM  # of which a single set without a method says nothing
        return
    assert told[0]["verdict"] == ("not tested" if missing else "reproduced")
    assert told[0]["ours"] == f"not tested: {missing}" if missing else "met in 3 of 3" in told[0]["ours"]


def test_what_is_missing_hides_no_counterexample(table, claim):
    told = claim(table({"patom-direct": 0.1, "random-direct": 0.5}), LEADS)
    assert told["verdict"] == "not reproduced"


def test_other_data_than_the_papers_test_no_claim_on_its_sets(table, found):
    rows = table(dict.fromkeys(METHODS, 0.1) | {"patom-direct": 0.5}, data="digits")
    assert not [claim for claim in found(rows)["claims"] if LEADS in claim["claim"] or RANDOM in claim["claim"]]


# -- Direct beats indirect and random ------------------------------------------------------------------------------


@pytest.mark.parametrize(("low", "expected"), [(EPSILON, True), (-EPSILON, False)])
@pytest.mark.parametrize("strongest", METHODS[1:])
def test_direct_must_lead_the_strongest_other(table, claim, ending_at, strongest, low, expected):
    others = dict.fromkeys(METHODS[1:], 0.1) | {strongest: 0.5}
    (evidence,) = claim(table({"patom-direct": 0.5 + np.array(ending_at(low=low))} | others), LEADS)["evidence"]
    assert evidence["holds"] is expected
    name = strongest.replace("patom", "PATOM").replace("-", ", ")
    assert evidence["value"].startswith(f"ahead of {name} by ")


def test_leads_are_paired_by_seed(table, holds):
    hard = np.array([0.0, 5.0, 1.0, 3.0])
    assert holds(table({"patom-direct": hard + 0.01, "random-direct": hard}), LEADS) is True
    assert holds(table({"patom-direct": hard + 0.01, "random-direct": hard[::-1]}), LEADS) is False


def test_seeds_are_the_replicates_and_not_their_rows(row, holds):
    # Leads of -1, 1, 2 in the seeds, twenty rows each: as sixty replicates they would lie above 0.
    rows = [
        row(method, seed=seed, pair=pair, budget=budget, damage=lead if method == "patom-direct" else 0.0)
        for seed, lead in enumerate([-1.0, 1.0, 2.0])
        for pair in "ABCD"
        for budget in (0.1, 0.2, 0.3, 0.4, 0.5)
        for method in ("patom-direct", "random-direct")
    ]
    assert holds(rows, LEADS) is False


def test_hybrid_attacks_use_more_tasks_and_are_no_rivals_of_direct_ones(table, holds):
    damages = {"patom-direct": 0.3, "random-direct": 0.1, "patom-hybrid": 0.9}
    assert holds(table(damages), LEADS) is True
    assert holds(table(damages | {"random-hybrid": 0.9}), LEADS) is False


def test_a_lead_compares_cells_whose_partner_did_not_fail(row, failed, claim):
    # Damage grows with the budget; without its largest budget random looks weaker than it is.
    rows = []
    for seed, budget in itertools.product(range(3), (0.1, 0.5)):
        rows.append(row(seed=seed, budget=budget, damage=10 * budget))
        lost = (seed, budget) == (0, 0.5)
        rows.append((failed if lost else row)("random-direct", seed=seed, budget=budget, damage=10 * budget - 0.02))
    (evidence,) = claim(rows, LEADS)["evidence"]
    assert evidence["value"] == "ahead of random, direct by 2.0 points (2.0 points to 2.0 points)"


def test_what_cannot_be_measured_is_never_met(table, holds):
    nan = float("nan")
    assert holds(table({"patom-direct": nan, "random-direct": 0.1}), LEADS) is None
    assert holds(table({"patom-direct": 0.5, "random-direct": nan}), LEADS) is None
    for order in (("random-direct", "patom-indirect"), ("patom-indirect", "random-direct")):
        rows = table({"patom-direct": 0.5} | dict(zip(order, (nan, 0.1), strict=True)))
        assert holds(rows, LEADS) is None
    assert holds(table({"patom-direct": [0.5, nan, 0.6, 0.5], "random-direct": 0.1}), LEADS) is True


def test_one_seed_cannot_tell(table, claim):
    rows = table(dict.fromkeys(METHODS, 0.1) | {"patom-direct": 0.9}, seeds=1, data="mnist", budget=0.3)
    for words in (LEADS, RANDOM, NOTHING):
        told = claim(rows, words)
        assert told["verdict"] == "open"
        assert "one seed" in told["ours"]


# -- SARCOS at 30 % ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mean", "spread", "expected"),
    [(0.399, 0.0001, False), (0.401, 0.0001, True), (0.5, 0.01, True), (0.599, 0.0001, True), (0.601, 0.0001, False),
     (-0.5, 0.01, False), (0.41, 0.02, None), (0.39, 0.02, None), (0.59, 0.02, None), (0.5, 0.2, None)],
)  # fmt: skip
def test_the_rise_at_30_percent_is_between_40_and_60(row, holds, mean, spread, expected):
    rows = [
        row(seed=seed, budget=budget, pair=pair, damage=mean + shift + spread * (seed - 1) if budget == 0.3 else 9.0)
        for seed in range(3) for budget in (0.1, 0.3, 0.5) for pair, shift in (("A", -0.3), ("B", 0.3))
    ]  # fmt: skip
    assert holds(rows, HALF) is expected
    assert holds(rows[:6], HALF) is None  # one seed


def test_the_rise_at_30_percent_needs_that_budget_a_direct_attack_and_sarcos(row, claim):
    assert claim([row(seed=seed, budget=0.2, damage=0.5) for seed in range(3)], HALF) is None
    assert claim([row("patom-indirect", seed=seed, budget=0.3, damage=0.5) for seed in range(3)], HALF) is None
    assert claim([row(seed=seed, budget=0.3, damage=0.5, data="landmine") for seed in range(3)], HALF) is None
    assert claim([row(seed=seed, budget=0.3, damage=None) for seed in range(3)], HALF)["verdict"] == "open"


# -- PATOM beats random --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("direct", [EPSILON, -EPSILON])
@pytest.mark.parametrize("indirect", [EPSILON, -EPSILON])
def test_patom_must_lead_both_direct_and_indirect(table, holds, ending_at, direct, indirect):
    rows = table({
        "patom-direct": 1.0 + np.array(ending_at(low=direct)), "random-direct": 1.0,
        "patom-indirect": 0.1 + np.array(ending_at(low=indirect)), "random-indirect": 0.1,
    })  # fmt: skip
    assert holds(rows, RANDOM) is (direct > 0 and indirect > 0)


def test_one_part_that_fails_settles_it(table, holds):
    nan = float("nan")
    damages = {"patom-direct": 0.1, "random-direct": 0.2, "patom-indirect": nan, "random-indirect": 0.1}
    assert holds(table(damages), RANDOM) is False
    assert holds(table(damages | {"patom-direct": 0.9}), RANDOM) is None


# -- Some pairs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        (({"low": EPSILON}, {"high": -EPSILON}), True),
        (({"low": EPSILON}, {"high": EPSILON}), False),
        (({"low": -EPSILON}, {"high": -EPSILON}), False),
        (({"low": EPSILON}, {"low": EPSILON}), False),
        (({"low": -EPSILON}, {"high": EPSILON}, {"high": -EPSILON}, {"low": EPSILON}), True),
    ],
)
def test_indirect_beats_random_direct_for_some_pairs_and_loses_for_others(table, claim, ending_at, ends, expected):
    rows = []
    for pair, end in zip("ABCD", ends, strict=False):
        lead = np.array(ending_at(**end))
        rows += table({"patom-indirect": 0.2 + lead, "random-direct": 0.2}, pair=pair)
    (evidence,) = claim(rows, PAIRS)["evidence"]
    assert evidence["holds"] is expected
    assert [words[0] for words in evidence["value"].removeprefix("indirect ahead by ").split(", ")] == [
        *"ABCD"[: len(ends)]
    ]


def test_one_pair_alone_says_nothing_about_pairs(table, claim):
    assert claim(table({"patom-indirect": 0.5, "random-direct": 0.2}), PAIRS) is None


def test_a_pair_that_cannot_be_measured_leaves_it_open_unless_others_settle_it(table, holds):
    def answer(*indirect):
        rows = []
        for pair, damage in zip("ABC", indirect, strict=False):
            rows += table({"patom-indirect": damage, "random-direct": 0.2}, pair=pair)
        return holds(rows, PAIRS)

    nan = float("nan")
    assert answer(0.5, nan) is None
    assert answer(0.1, nan) is None
    assert answer(0.1, 0.5, nan) is True


# -- MNIST ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ({"low": -0.02 + EPSILON}, True),
        ({"low": -0.02 - EPSILON}, False),
        ({"high": 0.02 - EPSILON}, True),
        ({"high": 0.02 + EPSILON}, False),
    ],
)
def test_indirect_on_mnist_stays_within_two_percent_at_the_largest_budget(table, holds, ending_at, end, expected):
    damages = ending_at(**end, width=0.001)
    rows = table({"patom-indirect": damages}, budget=0.5, data="mnist", metric="AUC")
    rows += table({"patom-indirect": 0.4}, budget=0.1, data="mnist", metric="AUC")
    assert holds(rows, NOTHING) is expected


def aucs(row, small, large, **changes):
    base = {"data": "mnist", "metric": "AUC"} | changes
    return [
        row(seed=seed, budget=budget, metric_attacked=value, **base)
        for seed, both in enumerate(zip(small, large, strict=True))
        for budget, value in zip((0.1, 0.5), both, strict=True)
    ]


@pytest.mark.parametrize(("low", "expected"), [(EPSILON, True), (-EPSILON, False)])
def test_the_auc_must_rise_after_budget_01(row, claim, ending_at, low, expected):
    small = np.array([0.6, 0.4, 0.5, 0.7])
    rows = aucs(row, small, small + np.array(ending_at(low=low)))
    rows += [row(seed=seed, budget=0.3, metric_attacked=0.1, data="mnist", metric="AUC") for seed in range(4)]
    (evidence,) = claim(rows, RECOVERS)["evidence"]
    assert evidence["holds"] is expected
    assert evidence["value"].startswith("change of the AUC +0.0")


def test_a_rise_needs_budget_01_and_a_larger_one(row, claim):
    rows = aucs(row, [0.5, 0.6], [0.6, 0.7])
    assert claim([each for each in rows if each["budget"] == 0.1], RECOVERS) is None
    assert claim([each for each in rows if each["budget"] == 0.5], RECOVERS) is None
    assert claim(rows, RECOVERS) is not None
    assert claim([each | {"data": "landmine"} for each in rows], RECOVERS) is None


def test_starts_are_compared_one_by_one(row, claim):
    rows = [
        each for start in (0, 1) for each in aucs(row, [0.5 + 0.2 * start] * 2, [0.6 + 0.2 * start] * 2, start=start)
    ]  # fmt: skip
    (evidence,) = claim(rows, RECOVERS)["evidence"]
    assert evidence["value"] == "change of the AUC +0.100 (+0.100 to +0.100)"


def test_a_seed_without_its_partner_is_not_compared(row, failed, claim):
    rows = aucs(row, [0.5, 0.5, 0.9], [0.6, 0.6, 0.9])
    rows[-1] = failed(seed=2, budget=0.5, data="mnist")
    (evidence,) = claim(rows, RECOVERS)["evidence"]
    assert evidence["value"] == "change of the AUC +0.100 (+0.100 to +0.100)"
