"""The figures of a run of experiments show its numbers at their places, on the page and in files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.figure import Figure

from patom.report import save_experiment_figures
from patom.report.panels import Multiples
from patom.report.sections import convergence, curves, relationships
from patom.results.grid import Budgets, Convergence, Correlations

Make = Callable[..., dict[str, Any]]


def convergence_multiples(told: dict[str, Any]) -> Multiples:
    return convergence.multiples(Convergence.model_validate(told))


def budget_multiples(told: dict[str, Any]) -> Multiples:
    return curves.multiples(Budgets.model_validate(told))


def correlation_multiples(told: dict[str, Any]) -> Multiples:
    return relationships.multiples(Correlations.model_validate(told))


def lines(axes: Axes) -> dict[str, Any]:
    return {str(line.get_label()): line for line in axes.lines if not str(line.get_label()).startswith("_")}


def figure_words(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.texts)


def inside(axes: Axes, values: Any) -> bool:
    low, high = axes.get_ylim()
    finite = np.asarray(values, dtype=float)
    return bool(low <= np.nanmin(finite) and np.nanmax(finite) <= high)


def test_convergence_shows_runs_mean_and_band(results: dict[str, Any]) -> None:
    told = results["convergence"][0]
    multiples = convergence_multiples(told)
    assert len(multiples.panels) == 3
    for panel, shown in zip(told["panels"], multiples.panels, strict=True):
        axes = shown.picture().figure.axes[0]
        np.testing.assert_array_equal(lines(axes)["mean"].get_xydata().T, [panel["iterations"], panel["mean"]])
        single = next(child for child in axes.collections if isinstance(child, LineCollection))
        np.testing.assert_array_equal([run[:, 1] for run in single.get_segments()], panel["runs"])
        band = next(child for child in axes.collections if not isinstance(child, LineCollection))
        corners = band.get_paths()[0].vertices
        at_end = corners[corners[:, 0] == panel["iterations"][-1]][:, 1]
        assert {panel["low"][-1], panel["high"][-1]} <= set(at_end)
        assert inside(axes, [*panel["mean"], 0.0])


def test_convergence_panels_have_their_own_axes_and_colours(results: dict[str, Any]) -> None:
    axes = convergence_multiples(results["convergence"][0]).picture().figure.axes
    heights = [np.ptp(panel.get_ylim()) for panel in axes]
    assert heights[0] > 20 * heights[1]
    assert len({lines(panel)["mean"].get_color() for panel in axes}) == 3


def test_a_kind_keeps_its_colour_without_the_others(rng: np.random.Generator, make_convergence: Make) -> None:
    both = convergence_multiples(make_convergence(rng, "a")).picture().figure.axes[2]
    alone = convergence_multiples(make_convergence(rng, "a", kinds=["hybrid"])).picture().figure.axes[0]
    assert lines(both)["mean"].get_color() == lines(alone)["mean"].get_color()


def test_gaps_in_the_mean_stay_gaps(results: dict[str, Any]) -> None:
    panel = results["convergence"][0]["panels"][0]
    panel["mean"][-2:] = [None, None]
    panel["runs"][0] = panel["runs"][0][:4]
    picture = convergence_multiples(results["convergence"][0]).panels[0].picture()
    assert np.isnan(lines(picture.figure.axes[0])["mean"].get_ydata()[-2:]).all()
    assert "at iteration 8" in picture.description
    assert len(picture.hovers) == 9


def test_budget_lines_run_from_the_clean_value(results: dict[str, Any]) -> None:
    told = results["budgets"][0]
    for panel, shown in zip(told["panels"], budget_multiples(told).panels, strict=True):
        drawn = lines(shown.picture().figure.axes[0])
        assert set(drawn) == {line["attack"] for line in panel["lines"]}
        for line in panel["lines"]:
            expected = [panel["clean"]["mean"], *(value["mean"] for value in line["metric"])]
            np.testing.assert_array_equal(drawn[line["attack"]].get_ydata(), expected)
            np.testing.assert_array_equal(drawn[line["attack"]].get_xdata(), [0.0, *line["budgets"]])


def test_budget_panels_share_axes_and_styles(rng: np.random.Generator, make_budgets: Make) -> None:
    told = make_budgets(rng, "a", list("pqrs"))
    told["panels"][1]["lines"] = told["panels"][1]["lines"][2:3]
    told["panels"][2]["lines"].reverse()
    axes = budget_multiples(told).picture().figure.axes
    assert len(axes) == 4
    assert len({panel.get_ylim() for panel in axes}) == len({panel.get_xlim() for panel in axes}) == 1
    for attack in lines(axes[0]):
        looks = {
            (line.get_color(), line.get_linestyle(), line.get_marker())
            for panel in axes
            for name, line in lines(panel).items()
            if name == attack
        }
        assert len(looks) == 1
    assert all(inside(panel, line.get_ydata()) for panel in axes for line in lines(panel).values())


def test_budget_titles_name_targets_and_attackers(results: dict[str, Any]) -> None:
    told = results["budgets"][0]
    told["panels"][0] |= {"pair": "C", "targets": ["1", "4", "6"], "attackers": [str(task) for task in range(20)]}
    picture = budget_multiples(told).panels[0].picture()
    assert "C: targets 1, 4, 6; attackers 0, 1, 2, 3, 4, 5 and 14 more" in figure_words(picture.figure)
    assert "attackers 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19:" in picture.description


@pytest.mark.parametrize(("scale", "words", "kind"), [(1.0, "lower is better", "linear"), (3e6, "log scale", "log")])
def test_exploding_errors_get_a_logarithmic_axis_that_says_so(
    rng: np.random.Generator, make_budgets: Make, scale: float, words: str, kind: str
) -> None:
    figure = budget_multiples(make_budgets(rng, "a", ["1", "2"], scale=scale, pairs="AB")).picture().figure
    assert [panel.get_yscale() for panel in figure.axes] == [kind, kind]
    assert words in figure_words(figure)
    assert all(inside(panel, line.get_ydata()) for panel in figure.axes for line in lines(panel).values())


def test_names_at_line_ends_do_not_touch(rng: np.random.Generator, make_budgets: Make) -> None:
    told = make_budgets(rng, "a", ["1", "2"], clean=0.62, scale=0.01, pairs="A")
    told["panels"][0]["lines"] += [
        line
        | {
            "attack": line["attack"].replace("patom", "flip").replace("random", "at2fl"),
            "label": f"{line['label']} too",
        }
        for line in told["panels"][0]["lines"]
    ]
    axes = budget_multiples(told).panels[0].picture().figure.axes[0]
    names = [text for text in axes.texts if "direct" in text.get_text()]
    assert len(names) == 8
    height = axes.bbox.height * 72 / axes.figure.dpi
    stands = sorted(text.xy[1] * height + text.xyann[1] for text in names)
    assert min(np.diff(stands)) >= 12 - 1e-6


def test_the_name_of_a_level_line_keeps_off_the_curves(results: dict[str, Any]) -> None:
    told = results["budgets"][0]
    panel = told["panels"][0]
    panel["clean"]["mean"] = 0.9
    for line in panel["lines"]:
        line["metric"] = [{"mean": value, "low": None, "high": None} for value in (1.4, 1.5, 1.6, 1.7, 1.8)]
    axes = budget_multiples(told | {"panels": [panel]}).panels[0].picture().figure.axes[0]
    name = next(text for text in axes.texts if text.get_text() == "predicting the mean")
    crossing = axes.transAxes.inverted().transform(axes.transData.transform((0.02, 1.0)))[0]
    assert name.xy[1] == 1.0
    assert name.xy[0] > crossing


def test_correlations_and_spectra_are_drawn_as_they_are(results: dict[str, Any]) -> None:
    told = results["correlations"][0]
    for index, shown in enumerate(correlation_multiples(told).panels):
        axes = shown.picture().figure.axes
        mesh = next(child for child in axes[0].collections if isinstance(child, QuadMesh))
        np.testing.assert_array_equal(mesh.get_array(), told["maps"][index]["correlation"])
        assert mesh.get_clim() == (-1, 1)
        np.testing.assert_array_equal([bar.get_width() for bar in axes[2].patches], told["maps"][index]["spectrum"])


def test_targets_are_bold_and_attackers_dotted(rng: np.random.Generator, make_correlations: Make) -> None:
    told = make_correlations(rng, "a", ["1", "2", "3"])
    told["maps"][1] |= {"targets": ["2"], "attackers": ["1", "3"]}
    clean, attacked = (panel.picture().figure.axes[0] for panel in correlation_multiples(told).panels[:2])
    assert [label.get_fontweight() for label in attacked.get_yticklabels()] == ["normal", "bold", "normal"]
    beside, above = attacked.lines
    np.testing.assert_array_equal(beside.get_xydata(), [[0, 0.5], [0, 2.5]])
    np.testing.assert_array_equal(above.get_xydata(), [[0.5, 0], [2.5, 0]])
    assert not clean.lines
    assert {label.get_fontweight() for label in clean.get_yticklabels()} == {"normal"}


def test_twenty_nine_tasks_fit_two_maps_side_by_side(rng: np.random.Generator, make_correlations: Make) -> None:
    told = make_correlations(rng, "Landmine", [str(task) for task in range(1, 30)])
    multiples = correlation_multiples(told)
    assert multiples.panels[0].width < 6
    axes = multiples.panels[1].picture().figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == told["tasks"]
    assert {label.get_rotation() for label in axes.get_xticklabels()} == {90.0}


def test_files_are_named_after_experiments_and_never_the_same(results: dict[str, Any], tmp_path: Path) -> None:
    results["convergence"] = results["convergence"][:1] * 2
    results["budgets"] = [results["budgets"][1] | {"title": "東京"}]
    paths = save_experiment_figures(results, tmp_path / "new" / "figures")
    assert [path.name for path in paths] == [
        "convergence-sarcos-raw-torques.svg",
        "convergence-sarcos-raw-torques-2.svg",
        "budgets-experiment.svg",
        "correlations-sarcos-raw-torques.svg",
        "attacks-sarcos-lambda-0-01.svg",
        "screening-sarcos.svg",
    ]
    assert sorted(paths) == sorted((tmp_path / "new" / "figures").iterdir())


def test_files_stand_alone(results: dict[str, Any], tmp_path: Path) -> None:
    results["correlations"][0] |= {"title": "<b> & $x_1$ 東京"}
    results |= {"convergence": results["convergence"][:1], "budgets": results["budgets"][1:]}
    titles = []
    for path in save_experiment_figures(results, tmp_path):
        text = path.read_text(encoding="utf-8")
        root = ElementTree.fromstring(text)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert root.get("aria-label")
        assert "var(--" not in text
        assert text.count("//") == 2  # the two name spaces
        background = root.find("{http://www.w3.org/2000/svg}rect")
        assert background is not None
        assert background.get("fill") == "#ffffff"
        words = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]
        kind = path.name.split("-")[0]
        assert results[kind][0]["title"] in words
        titles.append(results[kind][0]["title"])
    assert "<b> & $x_1$ 東京" in titles


@pytest.mark.slow
def test_files_are_the_same_bytes(results: dict[str, Any], tmp_path: Path) -> None:
    results |= {"convergence": results["convergence"][:1], "budgets": results["budgets"][1:]}
    first, second = (save_experiment_figures(results, tmp_path / run) for run in ("a", "b"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_a_figure_that_cannot_be_drawn_leaves_the_files_as_they_were(results: dict[str, Any], tmp_path: Path) -> None:
    old = tmp_path / "convergence-landmine.svg"
    old.write_text("old")
    results["convergence"] = results["convergence"][1:]
    del results["budgets"][0]["metric"]
    with pytest.raises(ValueError, match=r"budgets\[0\].metric: it is missing"):
        save_experiment_figures(results, tmp_path)
    assert list(tmp_path.iterdir()) == [old]
    assert old.read_text() == "old"
