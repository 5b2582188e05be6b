"""Security evaluation curves: the right attacks, from 0 on, at their places, each panel on its own axis."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes

from patom.report import render_experiments, save_experiment_figures
from patom.report.quantity import RISE
from patom.report.sections.attacks import LINES, multiples
from patom.report.style import DIRECT, FAINT, INDIRECT
from patom.results.grid import Attacks

Make = Callable[..., dict[str, Any]]
NOTHING = {"mean": None, "low": None, "high": None}
ALWAYS = ["random rows", "PATOM, best step of 5", "ascent, exact gradient, labels too", "ascent, exact gradient"]


def drawn(axes: Axes) -> dict[str, Any]:
    return {str(line.get_label()): line for line in axes.lines if not str(line.get_label()).startswith("_")}


def panels(told: dict[str, Any]) -> list[Axes]:
    return [panel.picture().figure.axes[0] for panel in multiples(Attacks.model_validate(told)).panels]


def words(axes: Axes) -> list[str]:
    return [text.get_text().replace("\u00a0", " ") for text in axes.texts]


def described(told: dict[str, Any]) -> list[str]:
    return [panel.description for panel in multiples(Attacks.model_validate(told)).panels]


def test_lines_run_from_nothing_through_every_budget(rng: np.random.Generator, make_attacks: Make) -> None:
    told = make_attacks(rng, "a", labels=ALWAYS)
    told["panels"][0]["lines"][1]["budgets"].reverse()
    told["panels"][0]["lines"][1]["rise"].reverse()
    roles = dict(zip(ALWAYS, ("random", "patom", "ascent, labels", "ascent"), strict=True))
    for panel, axes in zip(told["panels"], panels(told), strict=True):
        lines = drawn(axes)
        assert set(lines) == set(roles.values())
        for line in panel["lines"]:
            points = sorted((budget, rise["mean"]) for budget, rise in zip(line["budgets"], line["rise"], strict=True))
            np.testing.assert_array_equal(lines[roles[line["label"]]].get_xydata(), [(0.0, 0.0), *points])


def test_bands_are_the_intervals(rng: np.random.Generator, make_attacks: Make) -> None:
    told = make_attacks(rng, "a", labels=ALWAYS[3:], kinds=["direct"])
    (band,) = panels(told)[0].collections
    corners = band.get_paths()[0].vertices
    for budget, rise in zip((0.05, 0.2, 0.5), told["panels"][0]["lines"][0]["rise"], strict=True):
        assert {rise["low"], rise["high"]} <= set(corners[corners[:, 0] == budget][:, 1])
    assert set(corners[corners[:, 0] == 0.0][:, 1]) == {0.0}


def test_each_panel_has_its_own_axis_with_all_means_in_sight(rng: np.random.Generator, make_attacks: Make) -> None:
    told = make_attacks(rng, "a", kinds=["direct", "indirect", "hybrid"])
    shown = panels(told)
    heights = [np.ptp(axes.get_ylim()) for axes in shown]
    assert heights[0] > 8 * heights[1]
    assert len({axes.get_xlim() for axes in shown}) == len({axes.get_position().bounds for axes in shown}) == 1
    for axes in shown:
        low, high = axes.get_ylim()
        values = np.concatenate([line.get_ydata() for line in drawn(axes).values()])
        assert low <= values.min() <= values.max() <= high


def test_six_lines_at_most_the_usual_ones_and_the_best_of_the_others(
    rng: np.random.Generator, make_attacks: Make
) -> None:
    told = make_attacks(rng, "a")
    others = [line for line in told["panels"][1]["lines"] if line["label"] not in ALWAYS]
    for line, last in zip(others, (0.01, 0.5, 0.02, 0.4, None, 0.03, -0.1), strict=True):
        line["rise"][:2] = [{"mean": 9.0, "low": None, "high": None}] * 2  # the largest budget counts
        line["rise"][2] = NOTHING | {"mean": last}
    best = {others[1]["label"], others[3]["label"]}
    axes = panels(told)[1]
    assert len(drawn(axes)) == LINES
    assert set(drawn(axes)) == {"random", "patom", "ascent, labels", "ascent"} | best
    ends = [text for text in words(axes) if text]
    assert len(ends) == LINES
    caption = multiples(Attacks.model_validate(told)).caption
    assert "Up to 6 of 11 attacks a panel" in caption
    assert "Up to" not in multiples(Attacks.model_validate(make_attacks(rng, "a", labels=ALWAYS))).caption


def test_others_fill_the_places_of_the_usual_ones(rng: np.random.Generator, make_attacks: Make) -> None:
    every = [line["label"] for line in make_attacks(rng, "a")["panels"][0]["lines"]]
    told = make_attacks(rng, "a", labels=[label for label in every if label not in ALWAYS], kinds=["direct"])
    worst = min(told["panels"][0]["lines"], key=lambda line: line["rise"][-1]["mean"])["label"]
    assert len(told["panels"][0]["lines"]) == LINES + 1
    assert set(drawn(panels(told)[0])) == {line["label"] for line in told["panels"][0]["lines"]} - {worst}


def test_ends_are_named_in_few_words_and_never_touch(rng: np.random.Generator, make_attacks: Make) -> None:
    labels = [*ALWAYS, "ascent, frozen covariance gradient", "back-gradient"]
    told = make_attacks(rng, "a", labels=labels, kinds=["direct"])
    for line in told["panels"][0]["lines"]:
        line["rise"][-1] = {"mean": 0.42, "low": 0.4, "high": 0.5}
    (axes,) = panels(told)
    expected = {"random rows", "PATOM, best step", "ascent, labels too", "ascent, exact", "ascent, Ω frozen"}
    assert set(words(axes)) == {f"{name} 42 %" for name in (*expected, "back-gradient")}
    height = axes.bbox.height * 72 / axes.figure.dpi
    stands = sorted(text.xy[1] * height + text.xyann[1] for text in axes.texts)
    assert min(np.diff(stands)) >= 12 - 1e-6


def test_every_point_says_its_whole_name_and_interval(rng: np.random.Generator, make_attacks: Make) -> None:
    told = make_attacks(rng, "a", labels=ALWAYS, kinds=["indirect"])
    told["panels"][0]["lines"][3]["rise"][1] = {"mean": 0.123, "low": 0.111, "high": 0.138}
    hovers = [
        hover.text.replace("\u00a0", " ")
        for hover in multiples(Attacks.model_validate(told)).panels[0].picture().hovers
    ]
    assert len(hovers) == 4 * 3
    assert "ascent, exact gradient, budget 20 %: 12 % (11 to 14 %)" in hovers


def test_ascents_have_the_colour_of_the_kind_and_random_rows_are_grey(
    rng: np.random.Generator, make_attacks: Make
) -> None:
    direct, indirect = (drawn(axes) for axes in panels(make_attacks(rng, "a")))
    for lines, colour in ((direct, DIRECT), (indirect, INDIRECT)):
        exact, labels, random = (lines[name] for name in ("ascent", "ascent, labels", "random"))
        assert exact.get_color() == labels.get_color() == colour
        assert exact.get_linestyle() != labels.get_linestyle()
        assert (random.get_color(), random.get_linestyle()) == (FAINT, "--")
        looks = [(line.get_color(), line.get_linestyle(), line.get_marker()) for line in lines.values()]
        assert len(set(looks)) == len(looks)
        assert max(lines.values(), key=lambda line: line.get_linewidth()) is exact


def test_an_attack_looks_the_same_in_all_panels(rng: np.random.Generator, make_attacks: Make) -> None:
    others = ["influence", "back-gradient", "AT2FL"]
    told = make_attacks(rng, "a", labels=[*ALWAYS, *others])
    told["panels"][1]["lines"].reverse()
    shown = [drawn(axes) for axes in panels(told)]
    common = set(shown[0]) & set(shown[1]) - {"ascent", "ascent, labels"}
    assert len(common) >= 3
    for name in common:
        assert (
            len({(line[name].get_color(), line[name].get_linestyle(), line[name].get_marker()) for line in shown}) == 1
        )


@pytest.mark.parametrize("kind", ["direct", "indirect", "hybrid"])
def test_one_kind_only(rng: np.random.Generator, make_attacks: Make, kind: str) -> None:
    alone, all_kinds = (make_attacks(rng, "a", kinds=kinds) for kinds in ([kind], ["direct", "indirect", "hybrid"]))
    (axes,) = panels(alone)
    titles = [text.get_text() for text in axes.figure.texts]
    assert titles == [kind.capitalize(), "Rise of training loss over clean, target tasks"]
    among = panels(all_kinds)[["direct", "indirect", "hybrid"].index(kind)]
    assert drawn(axes)["ascent"].get_color() == drawn(among)["ascent"].get_color()


def test_one_budget_only(rng: np.random.Generator, make_attacks: Make) -> None:
    (axes,) = panels(make_attacks(rng, "a", kinds=["direct"], points=[0.2]))
    assert all(line.get_xdata().tolist() == [0.0, 0.2] for line in drawn(axes).values())
    axes.figure.draw_without_rendering()
    assert [tick.get_text().replace("\u00a0", " ") for tick in axes.get_xticklabels()] == ["clean", "20 %"]


def test_one_seed_has_no_bands(rng: np.random.Generator, make_attacks: Make) -> None:
    told = make_attacks(rng, "a", kinds=["direct"])
    for line in told["panels"][0]["lines"]:
        line["rise"] = [rise | {"low": None, "high": None} for rise in line["rise"]]
    (panel,) = multiples(Attacks.model_validate(told)).panels
    picture = panel.picture()
    bands = [path for band in picture.figure.axes[0].collections for path in band.get_paths()]
    assert all(np.ptp(path.vertices[:, 0]) == 0 for path in bands)
    assert all("(no interval)" in hover.text for hover in picture.hovers)


def test_what_was_not_measurable_is_left_out(rng: np.random.Generator, make_attacks: Make) -> None:
    told = make_attacks(rng, "a", labels=ALWAYS)
    first, second = (panel["lines"] for panel in told["panels"])
    first[0]["rise"] = [NOTHING] * 3
    first[1]["rise"][2] = None
    first[3]["rise"][1] = NOTHING
    for line in second:
        line["rise"] = [NOTHING] * 3
    direct, indirect = panels(told)
    assert set(drawn(direct)) == {"patom", "ascent, labels", "ascent"}
    np.testing.assert_array_equal(np.isnan(drawn(direct)["patom"].get_ydata()), [False, False, False, True])
    np.testing.assert_array_equal(np.isnan(drawn(direct)["ascent"].get_ydata()), [False, False, True, False])
    assert words(indirect) == ["not measurable"]
    assert described(told)[1] == "Indirect: nothing was measurable."
    assert described(told)[0].startswith("Direct: rise of the training loss over clean at the largest budget: ascent")


def test_exploding_losses_get_a_logarithmic_axis_with_nothing_at_its_foot(
    rng: np.random.Generator, make_attacks: Make
) -> None:
    direct, indirect = panels(make_attacks(rng, "a", scale=60))
    assert (direct.get_yscale(), indirect.get_yscale()) == ("symlog", "linear")
    assert "Rise of training loss over clean, log scale" in [text.get_text() for text in direct.figure.texts]
    assert 0 < direct.transAxes.inverted().transform(direct.transData.transform((0, 0)))[1] < 0.06
    direct.figure.draw_without_rendering()
    ticks = [tick.get_text().replace("\u00a0", " ") for tick in direct.get_yticklabels()]
    assert {"0 %", "100 %", "1,000 %", "10,000 %"} <= set(ticks)


@pytest.mark.parametrize(
    ("rise", "tick"), [(-0.1, "−10 %"), (0.025, "2.5 %"), (10.0, "1,000 %"), (100.0, "10,000 %"), (1e3, "1 × 10⁵ %")]
)
def test_ticks_of_any_size_are_short(rise: float, tick: str) -> None:
    assert RISE.tick(rise).replace("\u00a0", " ").replace("\u202f", " ") == tick


@pytest.mark.parametrize(("lowest", "foot"), [(-0.02, -0.2), (-30.0, -45.0)])
def test_a_logarithmic_axis_goes_no_further_down_than_it_must(
    rng: np.random.Generator, make_attacks: Make, lowest: float, foot: float
) -> None:
    told = make_attacks(rng, "a", scale=60, kinds=["direct"])
    told["panels"][0]["lines"][0]["rise"][-1] = {"mean": lowest, "low": None, "high": None}
    assert foot < panels(told)[0].get_ylim()[0] < lowest


@pytest.mark.slow
def test_page_and_files_are_the_same_bytes_twice(
    bare: dict[str, Any], rng: np.random.Generator, make_attacks: Make, tmp_path: Path
) -> None:
    results = bare | {"attacks": [make_attacks(rng, "SARCOS, lambda 0.1"), make_attacks(rng, "SARCOS, lambda 0.1")]}
    first, second = (save_experiment_figures(results, tmp_path / run) for run in ("a", "b"))
    assert [path.name for path in first] == ["attacks-sarcos-lambda-0-1.svg", "attacks-sarcos-lambda-0-1-2.svg"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert "ascent, labels too" in first[0].read_text(encoding="utf-8")
    assert render_experiments(results) == render_experiments(results)
