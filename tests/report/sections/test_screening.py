"""Screening as a detector: every ranking's line at its place, suspicion from the clean rows on, one axis for all."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes

from patom.report import render_experiments
from patom.report.sections import screening
from patom.report.style import DIRECT, FAINT, INDIRECT
from patom.results.grid import Screening

Make = Callable[..., dict[str, Any]]
NOTHING = {"mean": None, "low": None, "high": None}


def panels(told: dict[str, Any]) -> list[Axes]:
    return [panel.picture().figure.axes[0] for panel in screening.multiples(Screening.model_validate(told)).panels]


def drawn(axes: Axes) -> dict[str, Any]:
    return {str(line.get_label()): line for line in axes.lines if not str(line.get_label()).startswith("_")}


def test_lines_run_through_every_budget_and_suspicion_from_the_clean_rows_on(
    rng: np.random.Generator, make_screening: Make
) -> None:
    told = make_screening(rng, "a")
    shown = panels(told)
    assert len(shown) == 2
    for panel, axes in zip(told["panels"], shown, strict=True):
        lines = drawn(axes)
        assert set(lines) == {line["attack"] or line["ranking"] for line in panel["lines"]}
        for line in panel["lines"]:
            points = lines[line["attack"] or line["ranking"]].get_xydata()
            means = [value["mean"] for value in line["auc"]]
            np.testing.assert_array_equal(points[1:], np.column_stack([line["budgets"], means]))
            start = 0.55 if line["ranking"] == "suspicion" else np.nan
            np.testing.assert_array_equal(points[0], [0.0, start])


def test_panels_share_their_axes_and_chance_is_marked(rng: np.random.Generator, make_screening: Make) -> None:
    shown = panels(make_screening(rng, "a"))
    assert len({axes.get_ylim() for axes in shown}) == 1
    for axes in shown:
        assert "chance" in [text.get_text() for text in axes.texts]


def test_suspicion_has_the_colour_of_its_kind(rng: np.random.Generator, make_screening: Make) -> None:
    direct, indirect = (drawn(axes) for axes in panels(make_screening(rng, "a")))
    assert direct["ascent-direct"].get_color() == DIRECT
    assert indirect["ascent-indirect"].get_color() == INDIRECT
    assert direct["random-direct"].get_color() == FAINT
    looks = {(line.get_color(), line.get_linestyle(), line.get_marker()) for line in direct.values()}
    assert len(looks) == len(direct)


@pytest.mark.parametrize("points", [(0.2,), (0.1, 0.2, 0.4)])
def test_the_description_tells_the_best_ranking_first(
    rng: np.random.Generator, make_screening: Make, points: tuple[float, ...]
) -> None:
    told = make_screening(rng, "a", kinds=["direct"], points=points)
    told["panels"][0]["lines"][4]["auc"][-1] = {"mean": 0.991, "low": 0.98, "high": 1.0}
    (panel,) = screening.multiples(Screening.model_validate(told)).panels
    assert panel.description.startswith("Direct: ROC AUC of malicious tasks at the largest budget: reach 0.991; ")


def test_what_was_not_measurable_is_said(bare: dict[str, Any], rng: np.random.Generator, make_screening: Make) -> None:
    told = make_screening(rng, "a", kinds=["direct"], points=(0.2,))
    for line in told["panels"][0]["lines"]:
        line["auc"] = [NOTHING]
    (panel,) = screening.multiples(Screening.model_validate(told)).panels
    assert panel.description == "Direct: nothing was measurable."
    page = render_experiments(bare | {"screening": [told]})
    assert "not measurable" in page


def test_every_row_of_the_table_is_on_the_page(
    bare: dict[str, Any], rng: np.random.Generator, make_screening: Make
) -> None:
    told = make_screening(rng, "a")
    told["groups"][0][1][0][0] = "by <name>"
    page = render_experiments(bare | {"screening": [told]})
    body = page[page.index('id="screening-1"') :]
    body = body[: body.index("</table>")]
    assert body.count("<td>") == 6 * 7 * 2
    assert "by &lt;name&gt;" in body
    assert "<details" not in body
