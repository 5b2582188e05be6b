"""Defenses side by side: damage prevented, counted cell by cell, by the strongest attack."""

import json

import numpy as np
import pytest

from patom.paper.findings import defenses

CLEAN, ATTACKED = (0.50, 0.52, 0.54), (1.5, 1.6, 1.7)
NAMES = {"sphere": {"filters": ["sphere"]}, "clip": {"filters": ["clip"], "lambda_1": 0.001, "lambda_2": 0.001}}


@pytest.fixture(name="rows")
def fixture_rows(row):
    """Sphere holds against who does not know it only; clip improves the clean model by 0.1 and prevents 0.6 of 1.1."""

    def made(name, defense, seed, clean, attacked, **more):
        return row(
            "ascent-direct", figure="defenses", experiment=f"SARCOS, {name}", seed=seed, metric_clean=clean,
            metric_attacked=attacked, defense=json.dumps(defense), **more,
        ) | {"seconds": 2.0}  # fmt: skip

    built = []
    for seed, (clean, attacked) in enumerate(zip(CLEAN, ATTACKED, strict=True)):
        built.append(made("no defense", {}, seed, clean, attacked))
        built.append(made("no defense", {}, seed, clean, attacked - 0.3))  # a weaker one
        for name, naive, known, gain in (("sphere", 0.6, 1.8, 0.0), ("clip", 0.9, 0.8, 0.1)):
            share = {"caught": 0.25, "dropped": 0.2}
            built.append(made(f"{name}, known", NAMES[name], seed, clean - gain, known, **share))
            built.append(made(f"{name}, not known", NAMES[name] | {"known": False}, seed, clean - gain, naive, **share))
    return built


def shown(rows):
    return [entry.as_dict() for entry in defenses.defenses(rows)]


def test_each_defense_has_a_line_of_what_was_measured(rows):
    (entry,) = shown(rows)
    assert (entry["title"], entry["settings"], entry["metric"]) == ("SARCOS", "lambda 0.1 without a defense", "NMSE")
    ((heading, lines),) = entry["groups"]
    assert heading == "direct, 10 %"
    assert [line[0] for line in lines] == ["no defense", "sphere", "clip"]
    assert entry["columns"][5] == "NMSE attacked, known"
    table = {line[0]: dict(zip(entry["columns"], line, strict=True)) for line in lines}
    assert table["no defense"]["NMSE attacked, known"].startswith("1.60 (")
    assert [table["no defense"][name] for name in entry["columns"][1:4]] == ["", "", ""]
    assert table["sphere"]["NMSE attacked, known"] == "1.80 (1.80 to 1.80)"
    assert table["sphere"]["NMSE attacked, not known"] == "0.60 (0.60 to 0.60)"
    assert table["sphere"]["injected rows dropped"] == "25 % (25 % to 25 %)"
    assert table["sphere"]["clean rows dropped"] == "20 % (20 % to 20 %)"
    assert table["clip"]["seconds of the known attack"] == "4.0"  # who knows tries both


def test_damage_prevented_counts_from_the_better_clean_model(rows):
    (sphere, clip) = defenses._compared(rows)[1:]
    before = np.mean(ATTACKED) - np.mean(CLEAN)
    assert sphere.prevented(sphere.rows).mean == pytest.approx(1.0 - (1.8 - np.mean(CLEAN)) / before)
    assert sphere.prevented(sphere.naive).mean == pytest.approx(1.0 - (0.6 - np.mean(CLEAN)) / before)
    # Who knows clip does what who does not does, as that is more: 0.9 in place of 0.8.
    assert clip.prevented(clip.rows).mean == pytest.approx(1.0 - (0.9 - (np.mean(CLEAN) - 0.1)) / before)
    assert clip.cost.mean == pytest.approx(np.mean([-0.1 / value for value in CLEAN]))


def test_the_intervals_linearise_the_ratio(rows):
    found = defenses._compared(rows)[1].prevented(defenses._compared(rows)[1].rows)
    left, all_ = 1.8 - np.array(CLEAN), np.array(ATTACKED) - np.array(CLEAN)
    spread = np.std(left - left.mean() / all_.mean() * all_, ddof=1) / all_.mean() / np.sqrt(3)
    assert found.high - found.mean == pytest.approx(4.302652729911275 * spread)  # Student, 2 degrees


def test_a_higher_auc_is_better(rows):
    for made in rows:
        made.update(
            metric="AUC", metric_clean=1.0 - made["metric_clean"], metric_attacked=1.0 - made["metric_attacked"]
        )
    sphere = defenses._compared(rows)[1]
    assert sphere.prevented(sphere.rows).mean == pytest.approx(1.0 - (1.8 - 0.52) / (1.6 - 0.52))


def test_panels_hold_the_levels(rows):
    (panel,) = shown(rows)[0]["panels"]
    assert [point["label"] for point in panel["points"]] == ["no defense", "sphere", "clip"]
    assert panel["points"][2]["clean"]["mean"] == pytest.approx(0.42)
    assert panel["points"][2]["known"]["mean"] == pytest.approx(0.9)
    assert panel["points"][0]["naive"]["mean"] is None


def test_defenses_that_met_several_budgets_have_a_curve(rows):
    assert shown(rows)[0]["curves"] == []
    more = [
        made | {"budget": 0.3, "metric_attacked": made["metric_attacked"] + 1.0}
        for made in rows
        if "clip" not in made["experiment"]
    ]
    (curve,) = shown([*rows, *more])[0]["curves"]
    assert curve["title"] == "direct"
    assert {line["label"]: line["budgets"] for line in curve["lines"]} == {
        "no defense": [0.1, 0.3],
        "sphere": [0.1, 0.3],
    }
    assert [value["mean"] for value in curve["lines"][1]["metric"]] == pytest.approx([1.8, 2.8])
    assert curve["lines"][1]["clean"]["mean"] == pytest.approx(0.52)


def test_without_the_undefended_model_there_is_nothing_to_compare_with(rows, found):
    defended = [made for made in rows if made["defense"] != "{}"]
    assert defenses.defenses(defended) == []
    assert found(rows)["defenses"][0]["title"] == "SARCOS"


def test_an_attack_without_damage_leaves_nothing_to_prevent(rows):
    for made in rows:
        if made["defense"] == "{}":
            made["metric_attacked"] = made["metric_clean"]
    sphere = defenses._compared(rows)[1]
    assert sphere.prevented(sphere.rows).mean is None


def test_failed_cells_are_left_out(rows, failed):
    lost = failed("ascent-direct", figure="defenses", experiment="SARCOS, sphere, known", defense=rows[2]["defense"])
    assert len(defenses.defenses([*rows, lost])) == 1
