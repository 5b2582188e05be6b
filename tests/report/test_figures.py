"""The figures show the numbers of the results, and nothing else."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh

from patom.report import correlation_maps, damage_curves, exposure_map, save_figure

FIGURES = ["damage_curves", "exposure_map", "correlation_maps"]


def lines(axes: Axes) -> dict[str, Any]:
    """The attacks' lines by name; matplotlib's own labels begin with an underscore."""
    return {str(line.get_label()): line for line in axes.lines if not str(line.get_label()).startswith("_")}


def mesh(axes: Axes) -> QuadMesh:
    return next(child for child in axes.collections if isinstance(child, QuadMesh))


def words(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


@pytest.mark.parametrize(("panel", "field", "start"), [(0, "metric", 0.978), (1, "damage", 0.0)])
def test_curves_are_the_means_from_the_clean_value_on(
    report: dict[str, Any], panel: int, field: str, start: float
) -> None:
    shown = lines(damage_curves(report).axes[panel])
    assert set(shown) == {"random-direct", "random-indirect", "ascent-direct", "ascent-indirect"}
    for attack, line in shown.items():
        points = [point for point in report["curves"] if point["attack"] == attack]
        np.testing.assert_array_equal(line.get_xdata(), [0.0, *(point["budget"] for point in points)])
        np.testing.assert_array_equal(line.get_ydata(), [start, *(point[field]["mean"] for point in points)])


def test_curves_start_at_the_clean_value_of_the_targets_if_that_is_known(small: dict[str, Any]) -> None:
    small["model"]["clean_targets"] = {"mean": 0.961, "low": 0.95, "high": 0.97}
    assert lines(damage_curves(small).axes[0])["ascent-direct"].get_ydata()[0] == 0.961
    assert lines(damage_curves(small).axes[1])["ascent-direct"].get_ydata()[0] == 0.0


def test_bands_reach_from_low_to_high(report: dict[str, Any]) -> None:
    axes = damage_curves(report).axes[1]
    point = next(p for p in report["curves"] if p["attack"] == "ascent-direct" and p["budget"] == 0.3)
    corners = np.concatenate([band.get_paths()[0].vertices for band in axes.collections])
    at_end = corners[corners[:, 0] == 0.3][:, 1]
    assert point["damage"]["low"] in at_end
    assert point["damage"]["high"] in at_end


def test_curves_given_in_any_order_run_from_left_to_right(report: dict[str, Any]) -> None:
    expected = lines(damage_curves(report).axes[0])["ascent-direct"].get_xydata()
    report["curves"].reverse()
    np.testing.assert_array_equal(lines(damage_curves(report).axes[0])["ascent-direct"].get_xydata(), expected)


def test_line_ends_are_named_with_their_value_and_do_not_touch(make_report: Any) -> None:
    report = make_report(scale=0.02)
    axes = damage_curves(report).axes[1]
    names = [text for text in axes.texts if "direct" in text.get_text()]
    assert len(names) == 4
    last = next(p for p in report["curves"] if p["attack"] == "ascent-direct" and p["budget"] == 0.3)
    assert f"optimised, direct {100 * last['damage']['mean']:.1f}\u00a0%" in words(axes)
    height = axes.bbox.height * 72 / axes.figure.dpi
    stands = sorted(text.xy[1] * height + text.xyann[1] for text in names)
    assert min(np.diff(stands)) >= 12 - 1e-6


def test_styles_differ_in_more_than_colour(report: dict[str, Any]) -> None:
    shown = lines(damage_curves(report).axes[0])
    looks = {
        attack: (line.get_linestyle(), line.get_markerfacecolor() == line.get_color()) for attack, line in shown.items()
    }
    assert looks["random-direct"] != looks["ascent-direct"]
    assert shown["random-direct"].get_color() == shown["ascent-direct"].get_color()
    assert shown["ascent-indirect"].get_color() != shown["ascent-direct"].get_color()


def test_missing_mean_is_a_gap_and_a_missing_attack_no_line(report: dict[str, Any]) -> None:
    for point in report["curves"]:
        if point["attack"] == "random-direct":
            point["damage"] = {"mean": None, "low": None, "high": None}
    report["curves"][-1]["damage"] = None
    shown = lines(damage_curves(report).axes[1])
    assert "random-direct" not in shown
    assert np.isnan(shown["ascent-indirect"].get_ydata()[-1])


def test_one_budget_makes_a_line_from_the_clean_value(make_report: Any) -> None:
    report = make_report(budgets=(0.2,))
    np.testing.assert_array_equal(lines(damage_curves(report).axes[1])["ascent-direct"].get_xdata(), [0.0, 0.2])


def test_one_task_has_direct_curves_only(make_report: Any) -> None:
    shown = lines(damage_curves(make_report(tasks=1)).axes[1])
    assert set(shown) == {"random-direct", "ascent-direct"}


def test_small_damages_are_linear_and_huge_ones_logarithmic_and_say_so(make_report: Any) -> None:
    small = damage_curves(make_report(metric="NMSE")).axes
    huge = damage_curves(make_report(metric="NMSE", scale=120)).axes
    assert [axes.get_yscale() for axes in small] == ["linear", "linear"]
    assert [axes.get_yscale() for axes in huge] == ["log", "symlog"]
    assert all("log scale" in axes.get_title("left") for axes in huge)
    for axes in (*small, *huge):
        low, high = axes.get_ylim()
        for line in lines(axes).values():
            assert low <= min(line.get_ydata())
            assert max(line.get_ydata()) <= high


def test_wide_bands_do_not_flatten_the_lines(report: dict[str, Any]) -> None:
    for point in report["curves"]:
        point["damage"] |= {"low": -40.0, "high": 40.0}
    low, high = damage_curves(report).axes[1].get_ylim()
    assert high - low < 2


def cuts(axes: Any) -> int:
    """Triangles at the edges."""
    return sum(len(each.get_offsets()) for each in axes.collections if type(each).__name__ == "PathCollection")


def test_bands_are_whole_or_their_cut_is_marked(report: dict[str, Any]) -> None:
    shown = max(point["damage"]["mean"] for point in report["curves"])
    for point in report["curves"]:
        point["damage"] |= {"low": -2.5 * shown, "high": 3.5 * shown}
    axes = damage_curves(report).axes[1]
    low, high = axes.get_ylim()
    assert low < -2.5 * shown
    assert high > 3.5 * shown
    assert cuts(axes) == 0
    for point in report["curves"]:
        point["damage"] |= {"low": -40.0, "high": 40.0}
    assert cuts(damage_curves(report).axes[1]) == 2 * len(report["curves"])


@pytest.mark.parametrize(("threshold", "drawn"), [(0.25, True), (5.0, False), (None, False)])
def test_gate_is_drawn_where_it_falls_into_the_picture(
    report: dict[str, Any], threshold: float | None, drawn: bool
) -> None:
    report["fail_above"] = None if threshold is None else {"threshold": threshold, "exceeded": True}
    figure = damage_curves(report)
    assert any("fails above" in text for text in words(figure.axes[1])) is drawn
    assert not any("fails above" in text for text in words(figure.axes[0]))


def test_exposure_cells_hold_rows_of_attackers_and_columns_of_targets(make_report: Any) -> None:
    report = make_report(tasks=["north", "south", "west"])
    report["exposure"]["damage"] = [[0.4, 0.021, -0.3], [0.0, 0.5, None], [0.07, -0.012, 0.6]]
    axes = exposure_map(report).axes[0]
    drawn = mesh(axes).get_array()
    np.testing.assert_array_equal(drawn.filled(np.nan), np.array(report["exposure"]["damage"], dtype=float))
    assert words(axes) == ["40", "2.1", "−30", "0", "50", "n/a", "7.0", "−1.2", "60"]
    assert axes.get_ylim() == (3, 0)  # the first attacker on top
    assert [label.get_text() for label in axes.get_yticklabels()] == ["north", "south", "west"]
    assert axes.get_ylabel() == "attacking task"
    assert [patch.get_xy() for patch in axes.patches if patch.get_hatch()] == [(2, 1)]


def test_exposure_colours_are_centred_on_no_damage(make_report: Any) -> None:
    report = make_report(tasks=2)
    report["exposure"]["damage"] = [[50.0, 0.0], [-0.01, 0.01]]
    drawn = mesh(exposure_map(report).axes[0])
    red, _, blue, _ = drawn.to_rgba(np.array([0.0, 0.5, -0.5, 50.0, 20.0])).T
    assert red[0] == pytest.approx(blue[0], abs=0.01)
    assert red[1] > blue[1]
    assert red[2] < blue[2]
    assert red[3] == red[4]  # the colour ends at 1,000 %


def test_values_are_printed_up_to_sixteen_tasks(make_report: Any) -> None:
    assert len(words(exposure_map(make_report(tasks=16)).axes[0])) == 256
    assert words(exposure_map(make_report(tasks=17)).axes[0]) == []


def test_nothing_measurable_is_drawn_all_the_same(make_report: Any) -> None:
    report = make_report(tasks=2)
    report["exposure"]["damage"] = [[None, None], [None, None]]
    assert words(exposure_map(report).axes[0]) == ["n/a"] * 4


@pytest.mark.parametrize("size", [1, 10, 40])
def test_correlation_maps_stand_with_their_spectra(make_report: Any, size: int) -> None:
    report = make_report(tasks=size)
    axes = correlation_maps(report).axes
    assert len(axes) == 6
    for moment, first in (("before", 0), ("after", 3)):
        told = report["relationships"][moment]
        np.testing.assert_array_equal(mesh(axes[first]).get_array(), told["correlation"])
        assert mesh(axes[first]).get_clim() == (-1, 1)
        widths = [bar.get_width() for bar in axes[first + 2].patches]
        np.testing.assert_array_equal(widths, told["spectrum"])


def test_target_tasks_are_bold(make_report: Any) -> None:
    report = make_report(tasks=["a", "b", "c"])
    report["relationships"]["targets"] = ["b"]
    labels = correlation_maps(report).axes[0].get_yticklabels()
    assert [label.get_fontweight() for label in labels] == ["normal", "bold", "normal"]


@pytest.mark.parametrize("section", ["exposure", "relationships"])
def test_absent_section_cannot_be_drawn(report: dict[str, Any], section: str) -> None:
    draw = {"exposure": exposure_map, "relationships": correlation_maps}[section]
    with pytest.raises(ValueError, match=f"hold no {section}"):
        draw(report | {section: None})


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_saved_figures_are_the_same_bytes(make_report: Any, tmp_path: Path, name: str, suffix: str) -> None:
    report = make_report(tasks=["$a_1$", "東京", "<b>"])
    for run in ("first", "second"):
        save_figure(report, name, tmp_path / f"{run}.{suffix}")
    first = (tmp_path / f"first.{suffix}").read_bytes()
    assert first == (tmp_path / f"second.{suffix}").read_bytes()
    assert first[:4] == (b"\x89PNG" if suffix == "png" else b"<?xm")


@pytest.mark.parametrize(("name", "path", "message"), [("pie", "a.png", "'pie'"), (FIGURES[0], "a.gif", "'a.gif'")])
def test_save_figure_refuses_what_it_does_not_know(report: dict[str, Any], name: str, path: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        save_figure(report, name, path)


def test_callers_settings_neither_matter_nor_change(report: dict[str, Any], tmp_path: Path) -> None:
    save_figure(report, "damage_curves", tmp_path / "plain.svg")
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black", "lines.linewidth": 9}):
        save_figure(report, "damage_curves", tmp_path / "other.svg")
        assert matplotlib.rcParams["font.size"] == 30
    assert (tmp_path / "plain.svg").read_bytes() == (tmp_path / "other.svg").read_bytes()


def test_report_needs_neither_pyplot_nor_the_rest_of_the_package() -> None:
    code = (
        "import sys, patom.report; "
        "known = [f'patom.{n}' for n in ('report', 'results', 'atomic', 'shapes', 'wording', 'moved')]; "
        "bad = [n for n in sys.modules if n.startswith(('patom.', 'sklearn', 'numba', 'scipy', 'matplotlib.pyplot'))"
        " and not n.startswith(tuple(known))]; "
        "sys.exit(', '.join(bad) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
