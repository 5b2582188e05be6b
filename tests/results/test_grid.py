"""Words of findings.json are read once and written back as they were."""

import json

import pytest
from grid_results import build_results

from patom.results.grid import Faced, GridResults, RankingLine, Variant, WordedValue
from patom.results.methods import Reach


@pytest.mark.parametrize(
    ("words", "short"),
    [
        ("random rows", "random rows"),
        ("PATOM, step 1e-05", "PATOM, step 1e-05"),
        ("PATOM, best step of 5", "PATOM, best step"),
        ("ascent, exact gradient", "ascent, exact"),
        ("ascent, exact gradient, labels too", "ascent, labels too"),
        ("ascent, frozen covariance gradient", "ascent, Ω frozen"),
        ("ascent, paper gradient, labels too", "ascent, paper, labels too"),
        ("one-shot influence", "one-shot influence"),
    ],
)
def test_a_variant_is_written_as_it_was_read_and_has_fewer_words(words, short):
    assert str(Variant.parse(words)) == words
    assert Variant.parse(words).short == short


def test_a_faced_attack_is_its_kind_and_budget():
    assert Faced.parse("indirect, 12.5 %") == Faced(Reach.INDIRECT, "12.5 %")
    assert str(Faced(Reach.DIRECT, "20 %")) == "direct, 20 %"


@pytest.mark.parametrize("words", ["7 % (5 % to 9 %)", "50 % (one seed)", "not measurable", "2 of 3 cells", ""])
def test_a_cell_is_written_as_it_was_read(words):
    assert str(WordedValue.parse(words)) == words


def test_results_are_written_as_they_were_read():
    whole = json.loads(json.dumps(build_results()))
    written = GridResults.model_validate(whole).as_dict()
    assert GridResults.model_validate(written).as_dict() == written
    for kind in ("attacks", "screening", "claims", "failures", "notes", "n_seeds"):
        assert written[kind] == whole[kind]


def test_a_ranking_without_an_attack_has_an_empty_word_in_a_file():
    line = RankingLine(ranking="score_reach", attack=None, label="reach", budgets=[0.1], auc=[None])
    assert line.as_dict()["attack"] == ""
    assert RankingLine.model_validate(line.as_dict()) == line
