"""The line of damage against new accounts shows the section's numbers, and nothing where there are none."""

import numpy as np

from patom.report.sections import accounts
from patom.results.audit import AccountPoint, Accounts, CappedAccounts
from patom.results.parts import UNMEASURED, Interval

CLEAN = Interval.of(0.4, 0.3, 0.5)


def point(k, damage):
    return AccountPoint(accounts=k, rows=2 * k, n_seeds=3, metric=CLEAN, damage=damage)


def section(points, capped=None):
    return Accounts(rows_each=2, clean=CLEAN, points=points, capped=capped)


def test_it_shows_each_number_and_what_a_cap_leaves():
    capped = CappedAccounts(n_0=40.0, clean=CLEAN, metric=CLEAN, cost=CLEAN, damage=Interval.of(0.02, 0.01, 0.03))
    given = [point(1, Interval.of(0.05, 0.01, 0.09)), point(30, Interval.of(0.9, 0.7, 1.1)), point(90, UNMEASURED)]
    found = accounts.picture(section(given, capped), "NMSE")
    (axes,) = found.figure.axes
    line, left = axes.lines
    np.testing.assert_allclose(line.get_ydata(), [0.0, 0.05, 0.9])
    np.testing.assert_allclose(left.get_ydata(), [0.02])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["none", "1", "30"]
    assert axes.get_title("left") == "Rise of NMSE over clean, all tasks"
    assert [text.get_text().replace("\N{NO-BREAK SPACE}", " ") for text in axes.texts] == [
        "each task weighs 1: 90 %", "capped: 2.0 %",
    ]  # fmt: skip
    assert found.hovers[1].text.startswith("30 new accounts: 90")
    low, high = axes.get_ylim()
    assert low < 0.0
    assert high > 1.1


def test_without_a_measure_or_a_cap():
    assert accounts.picture(section([point(1, UNMEASURED)]), "AUC") is None
    found = accounts.picture(section([point(1, Interval.of(-0.1)), point(3, Interval.of(60.0))]), "AUC")
    (axes,) = found.figure.axes
    assert len(axes.lines) == 1
    assert axes.get_yscale() == "symlog"
