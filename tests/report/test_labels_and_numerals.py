"""Labels keep apart with the least movement, and numbers keep sensible digits."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patom.report import numerals
from patom.report.labels import printable, shorten, spread


@given(st.lists(st.floats(0, 100), min_size=1, max_size=7))
def test_spread_labels_keep_their_gap_order_and_bounds(positions: list[float]) -> None:
    placed = spread(positions, 10.0, 0.0, 100.0)
    ranked = [placed[index] for index in np.argsort(positions, kind="stable")]
    assert all(b - a >= 10.0 - 1e-9 for a, b in itertools.pairwise(ranked))
    assert min(placed) >= -1e-9
    assert max(placed) <= 100.0 + 1e-9


def test_spread_moves_as_little_as_possible() -> None:
    assert spread([50.0, 50.0, 50.0, 90.0], 10.0, 0.0, 100.0) == [40.0, 50.0, 60.0, 90.0]
    assert spread([90.0, 10.0], 10.0, 0.0, 100.0) == [90.0, 10.0]


@given(st.text(), st.integers(3, 30))
def test_shortened_names_fit_and_are_never_empty(name: str, limit: int) -> None:
    short = shorten(name, limit)
    assert 0 < len(short) <= max(limit, len("(no name)"))
    assert "\n" not in short


@given(st.text(st.characters()))
def test_printable_text_is_utf8_and_left_alone_the_second_time(text: str) -> None:
    clean = printable(text)
    clean.encode("utf-8")
    assert printable(clean) == clean


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (0.0, "0"),
        (-0.00004, "0"),
        (0.0004, "0.04"),
        (0.0012, "0.1"),
        (0.0994, "9.9"),
        (0.0996, "10"),
        (-0.126, "−13"),
        (51.234, "5,123"),
        (None, "n/a"),
    ],
)
def test_percent_digits(share: float | None, shown: str) -> None:
    assert numerals.percent_digits(share) == shown


def test_non_finite_numbers_are_missing() -> None:
    for write in (numerals.percent, numerals.budget, numerals.scientific, numerals.count):
        assert write(float("nan")) == write(float("inf")) == "n/a"
    assert numerals.metric(float("nan"), "AUC") == "n/a"


@pytest.mark.parametrize(
    ("value", "shown"), [(3e-9, "3\u202f×\u202f10⁻⁹"), (-1.26e12, "−1.3\u202f×\u202f10¹²"), (0.01, "0.01")]
)
def test_scientific(value: float, shown: str) -> None:
    assert numerals.scientific(value) == shown
