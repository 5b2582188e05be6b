"""A row a defense: clean, attacked by who does not know it, attacked by who does."""

import pytest

from patom.report import render_experiments
from patom.report.sections import attacks, defenses
from patom.results.grid import Defenses


def multiples(entry):
    return defenses.multiples(Defenses.model_validate(entry))


def at(mean, half=0.02):
    return {"mean": mean, "low": mean - half, "high": mean + half}


NOTHING = {"mean": None, "low": None, "high": None}


@pytest.fixture(name="entry")
def fixture_entry():
    points = [
        {"label": "no defense", "clean": at(0.98), "known": at(0.3), "naive": NOTHING},
        {"label": "sphere", "clean": at(0.97), "known": at(0.6), "naive": at(0.95)},
        {"label": "clip & <shares>", "clean": at(0.99), "known": at(0.9), "naive": at(0.96)},
        {"label": "lost", "clean": NOTHING, "known": NOTHING, "naive": NOTHING},
    ]
    return {
        "title": "digits", "settings": "lambda 0.01 without a defense", "metric": "AUC",
        "columns": ["Defense", "damage prevented, known"],
        "groups": [["direct, 20 %", [["sphere", "44 % (40 % to 48 %)"]]]],
        "panels": [{"title": "direct, 20 %", "points": points}],
    }  # fmt: skip


def test_the_best_under_who_knows_it_is_on_top(entry):
    (panel,) = multiples(entry).panels
    axes = panel.picture().figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["clip & <shares>", "sphere", "no defense", "lost"]
    assert axes.get_ylim() == (3.5, -0.5)
    entry["metric"] = "NMSE"
    (panel,) = multiples(entry).panels
    first = panel.picture().figure.axes[0].get_yticklabels()[0].get_text()
    assert first == "no defense"


def test_marks_are_where_the_numbers_are(entry):
    axes = multiples(entry).panels[0].picture().figure.axes[0]
    marks = {(line.get_marker(), line.get_ydata()[0]): line.get_xdata()[0] for line in axes.lines}
    assert marks["D", 0] == pytest.approx(0.9)
    assert marks["o", 1] == pytest.approx(0.95)
    assert marks["|", 2] == pytest.approx(0.98)
    assert ("o", 2) not in marks
    assert sorted(line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == "--") == [0.3, 0.98]


def test_a_row_tells_its_numbers(entry):
    hovers = [hover.text.replace("\u00a0", " ") for hover in multiples(entry).panels[0].picture().hovers]
    assert hovers[1].startswith("sphere: clean 0.970; attacked, defense not known 0.950 (0.930")


def test_curves_against_budget_have_a_panel_of_their_own(entry):
    line = {
        "attack": "sphere",
        "label": "sphere",
        "budgets": [0.1, 0.2],
        "metric": [at(0.8), at(0.6)],
        "clean": at(0.97),
    }
    base = line | {"attack": "no defense", "label": "no defense", "metric": [at(0.5), at(0.3)]}
    entry["curves"] = [{"title": "direct", "lines": [base, line]}]
    few = {"title": "direct, 10 %", "points": entry["panels"][0]["points"][:2]}
    entry["panels"].append(few)
    first, panel = multiples(entry).panels
    assert first.description.startswith("Direct, 20")
    assert panel.description.startswith(
        "Direct, against budget: AUC at the largest budget under an attacker who knows the defense: no"
    )
    ends = sorted(line.get_ydata()[-1] for line in panel.picture().figure.axes[0].lines if len(line.get_ydata()) == 3)
    assert ends == pytest.approx([0.3, 0.6])


def test_the_page_has_panel_and_table(entry):
    page = render_experiments(
        {"schema": 1, "kind": "experiments", "title": "T", "patom_version": "1", "n_seeds": 2, "defenses": [entry]}
    )
    assert "Defenses under attackers who know them" in page
    assert "clip &amp; &lt;shares&gt;" in page
    assert "44\u00a0%" in page or "44 %" in page
    assert attacks.table(Defenses.model_validate(entry)).groups[0][0] == "Direct, 20 %"
