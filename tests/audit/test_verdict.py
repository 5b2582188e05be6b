"""Each sentence of the verdict is true of the numbers it is made from."""

import pytest

from patom.audit.levels import gate
from patom.audit.verdict import Aim, verdict
from patom.results.audit import Coverage, Exposure, Point, Retuned, Worst
from patom.results.parts import Interval

HALF = Aim("half of the tasks")
CAVEAT = (
    "The optimised rows are those of the strongest attack of this package, which is no bound: a cleverer attacker may "
    "do worse."
)


def entry(attack, damage, *, budget=0.3, low=None, high=None, clean=0.8, metric=0.5, n_seeds=5):
    return Point(
        attack=attack,
        label=attack.replace("ascent", "optimised").replace("-", ", "),
        budget=budget,
        n_seeds=n_seeds,
        clean=Interval.of(clean),
        metric=Interval.of(metric),
        damage=Interval.of(damage, low, high),
    )


def told(*entries, metric="AUC", aim=HALF, exposure=None, retuned=None, attack="ascent", coverage=()):
    return verdict(entries, exposure, retuned, attack, metric=metric, aim=aim, coverage=coverage)


def covered(reach="direct", budget=0.3, rows=(100, 100), share=0.3, reached=(5, 5), least=1.0):
    return Coverage(
        reach=reach, budget=budget, n_seeds=5, n_injecting=5, rows=list(rows), tasks=[5, 5],
        reached=list(reached), share=share, least_reached=least,
    )  # fmt: skip


def exposure_map(*rows):
    return Exposure(budget=0.2, tasks=["north", "south"], all_tasks_shown=True, damage=[list(row) for row in rows])


def again(mean, replayed=None):
    """What the worst attack does where lambdas are chosen again."""
    named = {"attack": "ascent-direct", "label": "optimised, direct", "budget": 0.3}
    return Retuned(**named, lambdas=[], metric=None, damage=Interval.of(mean), replayed=Interval.of(replayed))


@pytest.mark.parametrize(
    ("damage", "level"),
    [
        (2.0, "high"),
        (0.25, "high"),
        (0.2399, "moderate"),
        (0.1, "moderate"),
        (0.0899, "low"),
        (0.0, "low"),
        (-1.0, "low"),
    ],
)
def test_levels(damage, level):
    twin = entry("random-direct", -2.0, low=-2.1, high=-1.9)
    found = told(entry("ascent-direct", damage, low=damage, high=damage + 0.01), twin)
    assert found.level == found.risk == level
    assert found.worst_damage == damage
    named = {"attack": "ascent-direct", "label": "optimised, direct", "budget": 0.3}
    assert found.worst == Worst(**named, mean=damage, low=damage, high=damage + 0.01)


def test_what_differs_too_much_between_seeds_is_no_finding():
    found = told(entry("ascent-direct", 0.35, low=-0.62, high=1.33), metric="NMSE")
    assert (found.level, found.worst_damage) == ("cannot say", 0.35)
    assert found.headline == (
        "Whether an attacker can hurt half of the tasks cannot be said: the worst damage differs too much between "
        "seeds."
    )
    assert found.reason == (
        "By the intervals over seeds the worst damage may be anything from -62 % to 133 %: more seeds would narrow "
        "that."
    )
    surely = told(entry("ascent-direct", 0.35, low=-0.62, high=1.33), entry("ascent-direct", 0.3, low=0.28, high=0.32))
    assert surely.level == "high"
    assert surely.headline.endswith("lowers their AUC by 35 % on average.")


def test_direct_attack_on_a_classifier():
    found = told(
        entry("random-direct", 0.08, low=0.02, high=0.14),
        entry("ascent-direct", 0.375, low=0.3, high=0.45),
        entry("ascent-direct", 0.2, budget=0.1, low=0.1, high=0.3),
        entry("random-indirect", 0.01, low=-0.01, high=0.03),
        entry("ascent-indirect", 0.05, low=0.01, high=0.09),
        exposure=exposure_map((0.5, 0.04), (0.12, 0.6)),
    )
    assert found.headline == (
        "An attacker who adds 30 % more rows to half of the tasks lowers their AUC by 38 % on average."
    )
    assert found.sentences == [
        "The AUC of the targets goes from 0.8 without an attack to 0.5.",
        "As many random rows in the same tasks do 8.0 % damage.",
        "Through other tasks only (indirect), without a row added to the targets, the most is 5.0 % damage, at 30 % "
        "more rows.",
        "In attacks of one task on one other, the worst is that of south on north: 12 % damage with 20 % more rows, "
        "in a single attack.",
        CAVEAT,
    ]


def test_direct_attack_on_a_regression():
    found = told(entry("ascent-direct", 12.5, low=1.0, clean=0.04, metric=0.54), metric="NMSE")
    assert found.headline == (
        "An attacker who adds 30 % more rows to half of the tasks raises their NMSE by 1,250 % on average."
    )
    assert found.sentences[0] == "The NMSE of the targets goes from 0.04 without an attack to 0.54."


def test_indirect_attack_says_where_the_rows_come_in_and_is_not_told_twice():
    found = told(
        entry("ascent-indirect", 0.3, low=0.1), entry("ascent-direct", 0.1, low=0.05), entry("random-indirect", -0.2),
        aim=Aim("task 'a'", "the tasks 'b' and 'c'", several=False),
    )  # fmt: skip
    assert found.headline == (
        "An attacker who adds 30 % more rows to the tasks 'b' and 'c' lowers the AUC of task 'a' by 30 % on average."
    )
    assert "As many random rows in the same tasks do no harm on average." in found.sentences
    assert not any("indirect" in sentence for sentence in found.sentences)


def test_patom_is_compared_with_its_random_twin_and_not_called_the_strongest():
    found = told(entry("random-direct", 0.08), entry("patom-direct", 0.375, low=0.3), attack="patom")
    assert "As many random rows in the same tasks do 8.0 % damage." in found.sentences
    assert found.sentences[-1] == (
        "PATOM is the paper's attack and not the strongest of this package: a cleverer attacker may do worse."
    )


def test_random_rows_may_be_the_worst():
    found = told(entry("random-direct", 0.3, low=0.1), entry("ascent-direct", 0.2, low=0.1))
    assert found.headline.startswith("An attacker who adds 30 % random rows to half of the tasks lowers")
    assert "No optimised attack did more harm than these random rows." in found.sentences


def test_one_task_only():
    found = told(entry("ascent-direct", 0.3, low=0.1), aim=Aim("the only task", several=False))
    assert found.headline == ("An attacker who adds 30 % more rows to the only task lowers its AUC by 30 % on average.")
    assert found.sentences[1:] == [CAVEAT]


def test_a_single_seed_is_no_average_and_has_no_interval():
    found = told(entry("ascent-direct", 0.3, n_seeds=1))
    assert found.headline.endswith("lowers their AUC by 30 %.")
    assert "This is a single draw of targets and rows: with more seeds there would be an interval." in found.sentences


def test_an_interval_that_includes_zero_is_pointed_out():
    sentence = "The interval of this damage includes zero: more seeds would tell harm from chance."
    assert sentence in told(entry("ascent-direct", 0.03, low=-0.01, high=0.07)).sentences
    assert sentence not in told(entry("ascent-direct", 0.3, low=0.1, high=0.5)).sentences


@pytest.mark.parametrize(
    ("indirect", "expected"),
    [
        # the largest mean may be noise while a smaller one stands out
        ([(0.2, -0.1), (0.05, 0.01)], "the most is 5.0 % damage"),
        ([(0.2, -0.1)], "no damage that stands out from chance"),
        ([(-0.2, -0.3)], "no damage that stands out from chance"),
        ([(0.2, None)], "the most is 20 % damage"),
    ],
)
def test_indirect_damage_counts_if_it_stands_out(indirect, expected):
    entries = [entry("ascent-indirect", mean, low=low) for mean, low in indirect]
    found = told(entry("ascent-direct", 0.5, low=0.4), *entries)
    assert [expected in sentence for sentence in found.sentences if "indirect" in sentence] == [True]


def test_random_indirect_rows_count_as_indirect_damage():
    found = told(
        entry("ascent-direct", 0.5, low=0.4),
        entry("ascent-indirect", 0.0, low=-0.1),
        entry("random-indirect", 0.1, low=0.05),
    )
    assert any("the most is 10 % damage" in sentence for sentence in found.sentences)


def test_no_harm():
    found = told(
        entry("ascent-direct", -0.02, low=-0.05), entry("random-direct", -0.03),
        entry("ascent-indirect", -0.1, low=-0.2),
        metric="NMSE", exposure=exposure_map((0.1, -0.01), (None, 0.2)),
    )  # fmt: skip
    assert found.headline == "On average no attack on half of the tasks did harm: none made their NMSE worse."
    assert found.sentences == [
        "Attacks through other tasks only (indirect) did no damage that stands out from chance.",
        "In attacks of one task on one other, none did harm.",
        CAVEAT,
    ]


@pytest.mark.parametrize(
    ("metric", "clean", "word"), [("AUC", 0.48, "guessing"), ("NMSE", 1.02, "predicting the mean")]
)
def test_a_model_that_is_no_good_has_little_to_lose(metric, clean, word):
    sentence = told(entry("ascent-direct", 0.3, low=0.1, clean=clean), metric=metric).reason
    assert sentence.startswith(f"Without an attack the {metric} of the targets is {clean}, no better than {word}")
    found = told(entry("ascent-direct", 0.3, low=0.25, high=0.4, clean=clean), metric=metric)
    assert found.level == "cannot say"
    assert found.headline == (
        f"What an attacker could do cannot be said: without an attack the model is no better than {word}."
    )
    fine = told(entry("ascent-direct", 0.3, low=0.1, clean=0.7), metric=metric).sentences[0]
    assert fine.startswith(f"The {metric} of the targets goes from 0.7")


def test_nothing_measurable():
    found = told(entry("ascent-direct", None), exposure=None)
    assert found.level == "cannot say"
    assert found.worst_damage is None
    assert found.worst is None
    assert found.headline == "No damage could be measured: the held-out rows do not allow it for any target."


def test_pairs_need_two_tasks_and_a_map():
    for exposure in (
        None,
        exposure_map((None, None), (None, None)),
        Exposure(budget=0.2, tasks=["a"], all_tasks_shown=True, damage=[[0.4]]),
    ):
        found = told(entry("ascent-direct", 0.3, low=0.1), exposure=exposure)
        assert not any("one task on one other" in sentence for sentence in found.sentences)


def test_long_names_are_cut():
    exposure = exposure_map((0.5, 0.3), (0.1, 0.5)).model_copy(update={"tasks": ["n" * 400, "south"]})
    sentence = told(entry("ascent-direct", 0.3, low=0.1), exposure=exposure).sentences[-2]
    assert f"that of {'n' * 37}... on south" in sentence


def test_the_gate_reads_the_verdict():
    found = told(entry("ascent-direct", 0.35, low=0.3, high=0.4))
    exceeded = {threshold: gate(found, threshold).exceeded for threshold in (0.25, 0.35, 0.4)}
    assert exceeded == {0.25: True, 0.35: None, 0.4: False}


def test_the_worst_pair_is_not_sought_among_tasks_of_few_test_rows():
    exposure = exposure_map((0.5, 22.4), (0.12, 0.6))
    assert (
        "that of north on south: 2,240 % damage" in told(entry("ascent-direct", 0.3), exposure=exposure).sentences[-2]
    )
    few = exposure.model_copy(update={"few_test_rows": [False, True]})
    assert "that of south on north: 12 % damage" in told(entry("ascent-direct", 0.3), exposure=few).sentences[-2]
    none = exposure.model_copy(update={"few_test_rows": [True, True]})
    assert not any("on one other" in said for said in told(entry("ascent-direct", 0.3), exposure=none).sentences)


@pytest.mark.parametrize(
    ("left", "sentence"),
    [
        (0.29, "To a model whose lambdas are chosen again, on the poisoned rows, the same rows do 29 % damage."),
        (
            -0.01,
            "To a model whose lambdas are chosen again, on the poisoned rows, the same rows do no harm on average.",
        ),
    ],
)
def test_what_is_left_where_lambdas_are_chosen_again(left, sentence):
    worst = entry("ascent-direct", 0.47, low=0.4, high=0.5)
    assert sentence in told(worst, retuned=again(left)).sentences
    assert sentence in told(worst, retuned=again(left, left)).sentences
    planned = "the same rows do no harm on average, and rows planned for that 90 % damage."
    assert any(said.endswith(planned) for said in told(worst, retuned=again(0.9, -0.1)).sentences)
    for silent in (None, again(None)):
        assert not any("again" in said for said in told(worst, retuned=silent).sentences)
    harmless = entry("ascent-direct", -0.1, low=-0.2, high=0.0)
    assert not any("again" in said for said in told(harmless, retuned=again(left)).sentences)


def test_the_headline_says_what_was_injected_where_the_budget_came_to_less():
    few = covered(share=0.177, rows=(100, 104))
    found = told(entry("ascent-direct", 0.5, low=0.4, high=0.6), coverage=[few])
    assert found.injected == "100 to 104 rows (18 % more)"
    assert found.headline == (
        "An attacker who adds 100 to 104 rows (18 % more) to half of the tasks lowers their AUC by 50 % on average."
    )
    near = told(
        entry("ascent-direct", 0.5, low=0.4, high=0.6), coverage=[covered(share=0.29, reached=(4, 5), least=0.8)]
    )
    assert near.injected == ""
    assert "adds 30 % more rows to" in near.headline


def test_one_row_is_called_one_row_in_indirect_attacks_too():
    one = covered("indirect", budget=0.05, rows=(1, 1), share=0.009, reached=(1, 1), least=0.2)
    indirect = entry("random-indirect", 0.4, low=0.3, high=0.5, budget=0.05)
    found = told(indirect, coverage=[one])
    assert found.headline.startswith(
        "An attacker who adds 1 random row (0.9 % more, in 1 of 5 tasks) to the other tasks lowers the AUC of half"
    )
    other = told(entry("ascent-direct", 0.9, low=0.8, high=1.0), indirect, coverage=[covered(), one])
    assert any("the most is 40 % damage, with 1 random row (0.9 %" in said for said in other.sentences)
    exposure = exposure_map((0.5, 0.04), (0.12, 0.6)).model_copy(update={"rows_injected": [7, 1]})
    pairs = told(entry("ascent-direct", 0.3, low=0.1), exposure=exposure).sentences[-2]
    assert "12 % damage with 1 row added" in pairs


def test_where_too_little_was_attacked_the_headline_says_so():
    little = covered("direct", budget=0.05, rows=(0, 0), share=0.0, reached=(0, 0), least=0.0)
    one = covered("indirect", budget=0.05, rows=(1, 1), share=0.009, reached=(1, 1), least=0.2)
    found = told(entry("ascent-indirect", 0.02, low=-0.01, high=0.067, budget=0.05), coverage=[little, one])
    assert found.level == "cannot say"
    assert found.headline == "Whether an attacker can hurt half of the tasks cannot be said: too little was attacked."
    assert found.sentences[0] == (
        "The highest mean damage of what was run is 2.0 %, with an interval that includes zero (optimised, indirect, "
        "at 5 %, which is 1 row (0.9 % more, in 1 of 5 tasks))."
    )
    assert gate(found, 0.25).exceeded is None


def everything(worst, **changes):
    others = [entry("random-direct", 3.56, low=-9.0), entry("ascent-indirect", 0.1, low=-0.2)]
    return told(
        worst, *others, retuned=again(138.0), exposure=exposure_map((0.5, 0.04), (0.12, 0.6)), metric="NMSE", **changes
    )


def test_nothing_more_is_said_of_damage_to_a_model_of_no_use():
    found = everything(entry("ascent-direct", 200.0, low=100.0, high=300.0, clean=1.3))
    assert "cannot be said" in found.headline
    assert found.sentences == [CAVEAT]


def test_where_the_headline_names_no_damage_no_sentence_speaks_of_it():
    found = everything(entry("ascent-direct", 200.0, low=-100.0, high=500.0))
    assert "differs too much between seeds" in found.headline
    assert found.sentences[0] == (
        "The highest mean damage of what was run is 20,000 %, with an interval that includes zero (optimised, direct, "
        "at 30 %)."
    )
    for words in ("this damage", "As many", "the same rows", "goes from"):
        assert not any(words in said for said in found.sentences)


def test_no_sentence_contradicts_the_level_of_another_attack():
    found = told(
        entry("ascent-direct", 3.0, low=-0.5, high=6.5),
        entry("patom-direct", 0.9, budget=0.05, low=0.62, high=1.2),
    )
    assert found.level == "high"
    assert found.by == "patom, direct, at 5 %"
    assert "at least 62 % (patom, direct, at 5 %)" in found.reason
    assert "The interval of this damage includes zero; that of patom, direct, at 5 %, does not." in found.sentences


def test_equal_seeds_are_not_called_a_single_draw():
    sentences = told(entry("ascent-direct", 0.3, n_seeds=3)).sentences
    assert "All 3 seeds give exactly this damage, so there is no interval." in sentences
    assert not any("single draw" in said for said in sentences)
