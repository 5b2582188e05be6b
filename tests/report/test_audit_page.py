"""The page is whole, safe, self-contained, and the same each time."""

import re
from collections import Counter
from typing import Any

import pytest
from page_reader import POLICY, policy, read

from patom.report import render_page


def test_page_is_complete_html_with_its_sections(report: dict[str, Any]) -> None:
    page = render_page(report)
    reader = read(page)
    assert page.lstrip().startswith("<!DOCTYPE html>")
    assert Counter(reader.tags)["html"] == Counter(reader.tags)["body"] == Counter(reader.tags)["h1"] == 1
    assert Counter(reader.tags)["svg"] == 5
    headings = reader.text("h2")
    for heading in ("Damage against budget", "Who can hurt whom", "Task relationships", "How to read this"):
        assert heading in headings
    assert reader.text("h1") == report["verdict"]["headline"]


def test_first_screen_has_number_interval_and_facts(small: dict[str, Any]) -> None:
    small["verdict"]["worst_damage"] = 0.4137
    small["verdict"]["worst"] |= {"mean": 0.4137, "low": 0.3512, "high": 0.4749}
    text = read(render_page(small)).text().split("Damage against budget")[0]
    for words in ("Risk: high", "41 %", "95 % interval 35 to 47 %", "MTRLClassifier", "0.978", "3-fold", "10⁻⁹"):
        assert words.replace("\u00a0", " ") in text.replace("\u00a0", " ")
    assert "Fails : worst relative damage is above 25 %" in text.replace("\u00a0", " ")


def test_page_loads_nothing(small: dict[str, Any]) -> None:
    page = render_page(small)
    reader = read(page)
    assert not {"script", "link", "img", "iframe", "image", "object", "base"} & set(reader.tags)
    for tag, name, value in reader.attributes:
        if name.startswith("xmlns"):
            continue
        assert "http://" not in value, (tag, name)
        assert "https://" not in value, (tag, name)
        assert not name.startswith("on"), (tag, name)
        if name in {"src", "href", "xlink:href", "srcset", "data", "action"}:
            assert value.startswith("#"), (tag, name, value)
    assert "@import" not in page
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", page))


def test_a_browser_is_told_to_load_and_run_nothing(small: dict[str, Any]) -> None:
    page = render_page(small)
    assert policy(page) == POLICY
    assert page.index("Content-Security-Policy") < page.index("<style")


def test_ids_are_unique_and_every_reference_has_its_target(make_report: Any) -> None:
    report = make_report(tasks=3)
    report["exposure"]["damage"][0][1] = None
    page = render_page(report)
    ids = Counter(value for _, name, value in read(page).attributes if name == "id")
    assert max(ids.values()) == 1
    references = set(re.findall(r'(?:href="|url\()#([^")]+)', page))
    assert references
    assert references <= set(ids)


def test_renders_to_the_same_bytes(small: dict[str, Any]) -> None:
    assert render_page(small).encode() == render_page(small).encode()


def test_names_from_the_data_are_escaped(make_report: Any) -> None:
    evil = '<script>alert("1")</script>'
    report = make_report(tasks=[evil, '" onload="x', "a & b", "$x^2$"])
    report["data"] |= {"name": evil, "source": evil, "task_column": evil, "features": [evil], "notes": [evil]}
    report["verdict"] |= {"headline": evil, "sentences": [evil]}
    report["curves"][0]["label"] = evil
    report["relationships"]["label"] = evil
    page = render_page(report)
    reader = read(page)
    assert "script" not in reader.tags
    assert not [name for _, name, _ in reader.attributes if name.startswith("on")]
    assert evil in reader.text("h1")
    assert evil in reader.text("li")
    assert '" onload="x' in reader.text("text")
    assert "$x^2$" in reader.text("text")


@pytest.mark.slow
def test_long_names_are_cut_in_figures_and_whole_in_tables(make_report: Any) -> None:
    name = "a_building_with_a_very_long_name_sensor_17"
    reader = read(render_page(make_report(tasks=[name, "b"])))
    assert name in reader.text("bdi")
    assert name not in reader.text("text")
    assert "a_building_…sor_17" in reader.text("text")  # 18 characters, both ends of the name


@pytest.mark.slow
def test_any_unicode_renders_without_a_warning(make_report: Any) -> None:
    shown = ["東京都", "مهمة", "😀🦄", "தமிழ்", "naïve Ωµ"]
    broken = ["\x00\x07", "\ud800", "𐏿", "", "  ", "a\nb", "\u202eabc"]
    page = render_page(make_report(tasks=[*shown, *broken], budgets=(0.1,)))
    read(page)
    page.encode("utf-8")
    assert not {"\x00", "\x07", "\ud800", "\u202e"} & set(page)
    texts = read(page).text("text")
    assert all(name in texts for name in shown)


@pytest.mark.slow
def test_hover_words_tell_attacker_and_target(make_report: Any) -> None:
    report = make_report(tasks=["north", "south"])
    report["exposure"]["damage"] = [[0.5, 0.123], [None, 0.25]]
    titles = [data for tag, data in read(render_page(report)).words if tag == "title"]
    assert "north → south: 12\u00a0% (50 rows injected)" in titles
    assert "south → north: not measurable (50 rows injected)" in titles


def test_page_without_exposure_relationships_and_gate(small: dict[str, Any]) -> None:
    small |= {"exposure": None, "relationships": None, "fail_above": None}
    reader = read(render_page(small))
    assert Counter(reader.tags)["svg"] == 2
    assert "made no map" in reader.text()
    assert "did not record the task relationships" in reader.text()
    assert "Fails" not in reader.text()
    assert "Passes" not in reader.text()


@pytest.mark.slow
def test_missing_numbers_say_so(small: dict[str, Any]) -> None:
    nothing = {"mean": None, "low": None, "high": None}
    small["curves"][5] |= {"metric": nothing, "damage": nothing, "bystander_metric": None}
    small["data"]["tasks"][1]["clean"] = None
    small["model"] |= {"clean": None, "cross_validation": None}
    small["verdict"] |= {"worst_damage": None, "worst": None}
    reader = read(render_page(small))
    assert reader.text("td").count("n/a") == 6
    assert "no interval" not in reader.text("p")


@pytest.mark.slow
def test_a_single_seed_has_no_interval(small: dict[str, Any]) -> None:
    small["verdict"]["worst"] |= {"low": None, "high": None}
    assert "no interval: all seeds give the same" in read(render_page(small)).text("p")
    for point in small["curves"]:
        point["n_seeds"] = 1
    page = read(render_page(small)).text("p")
    assert "no interval: too few seeds" in page
    assert "Lines are means over 1 seed, bands" in page


@pytest.mark.slow
@pytest.mark.parametrize("level", ["low", "moderate", "high", "unknown"])
def test_level_stands_as_a_word_and_as_a_tone(small: dict[str, Any], level: str) -> None:
    small["verdict"]["level"] = level
    page = render_page(small)
    assert f"Risk: {level}" in page
    assert f'class="card verdict {level if level != "unknown" else "plain"}"' in page


@pytest.mark.parametrize(
    ("level", "risk", "tone"),
    [
        ("low", "low", "low"),
        ("moderate", "moderate", "moderate"),
        ("moderate", "moderate or high", "high"),
        ("cannot say", "cannot say", "plain"),
    ],
)
def test_the_badge_does_not_reassure_where_the_numbers_do_not(
    small: dict[str, Any], level: str, risk: str, tone: str
) -> None:
    small["verdict"] |= {"level": level, "risk": risk, "reason": "By the intervals it may be 5 < 40 %."}
    page = render_page(small)
    assert f'<span class="badge">Risk: {risk}</span>' in page
    assert f'class="card verdict {tone}"' in page
    assert "By the intervals it may be 5 < 40 %." in read(page).text("b").replace("\u00a0", " ")


def test_what_was_left_out_is_not_counted(small: dict[str, Any]) -> None:
    small["data"] |= {"n_features": 62, "constant_features": ["pixel_0_0", "pixel_4_0"]}
    reader = read(render_page(small))
    assert "62 features" in reader.text("span")
    assert "All 62 features" in reader.text("summary")
    assert "pixel_4_0" not in reader.text("bdi")
    assert "pixel_4_1" in reader.text("bdi")


@pytest.mark.slow
def test_a_sample_is_called_one_in_the_facts(small: dict[str, Any]) -> None:
    assert "sample" not in read(render_page(small)).text("span")
    small["data"]["sample"] = {"rows": 1080, "of_rows": 120_000, "tasks": 3, "of_tasks": 400}
    assert "a sample of 120,000 rows in 400 tasks" in read(render_page(small)).text("span")


@pytest.mark.slow
def test_pairs_that_aim_at_few_test_rows_are_not_ranked(make_report: Any) -> None:
    report = make_report(tasks=["p", "q", "r"])
    report["exposure"]["damage"] = [[0.9, 22.4, 0.11], [None, 0.8, -0.3], [0.05, 0.0, 0.7]]
    report["exposure"]["few_test_rows"] = [False, True, False]
    page = render_page(report)
    table = page[page.index("Most damage from one task to another") :]
    cells = re.findall(r"<td>(?:<bdi>)?([^<]*)", table[: table.index("</table>")])
    assert cells == ["p", "r", "11\u00a0%", "r", "p", "5.0\u00a0%"]
    assert "Some targets have few test rows, where large values may be noise too" in " ".join(
        read(page).text("p").split()
    )
    report["exposure"]["few_test_rows"] = [True] * 3
    page = render_page(report)
    assert "Most damage from one task to another" not in page
    assert "No task damages another one" not in page


def test_one_task_has_no_maps_but_its_own_damage(make_report: Any) -> None:
    report = make_report(tasks=["only"])
    report["exposure"]["damage"] = [[0.31]]
    reader = read(render_page(report))
    assert Counter(reader.tags)["svg"] == 2
    assert "nobody else to hurt" in reader.text()
    assert "31 %" in reader.text().replace("\u00a0", " ")
    assert "indirect" not in reader.text("text")


def test_strongest_pairs_are_ranked_without_the_diagonal(make_report: Any) -> None:
    report = make_report(tasks=["p", "q", "r"])
    report["exposure"]["damage"] = [[0.9, 0.02, 0.11], [None, 0.8, -0.3], [0.05, 0.0, 0.7]]
    page = render_page(report)
    table = page[page.index("Most damage from one task to another") :]
    table = table[: table.index("</table>")]
    cells = re.findall(r"<td>(?:<bdi>)?([^<]*)", table)
    assert cells == ["p", "r", "11\u00a0%", "r", "p", "5.0\u00a0%", "p", "q", "2.0\u00a0%"]


@pytest.mark.slow
def test_nearly_rank_one_relationships_are_pointed_out(small: dict[str, Any]) -> None:
    small["relationships"]["after"]["spectrum"] = [0.995, 0.005]
    assert "practically of rank 1 after the attack" in read(render_page(small)).text()
    small["relationships"]["after"]["spectrum"] = [0.9, 0.1]
    assert "practically of rank 1" not in read(render_page(small)).text()


@pytest.mark.slow
def test_forty_tasks_are_all_shown(make_report: Any) -> None:
    report = make_report(tasks=40, metric="NMSE", scale=50)
    page = render_page(report)
    reader = read(page)
    assert "All 40 tasks" in reader.text("summary")
    assert Counter(reader.tags)["rect"] > 3 * 40**2


@pytest.mark.slow
def test_subset_of_tasks_is_mentioned(make_report: Any) -> None:
    report = make_report(tasks=4)
    report["exposure"] |= {"all_tasks_shown": False, "tasks": ["0", "1"], "damage": [[0.1, 0.2], [0.3, 0.4]]}
    assert "shows 2 of 4 tasks" in read(render_page(report)).text()


@pytest.mark.slow
def test_the_command_is_shown_as_it_stands_and_left_out_where_there_is_none(small: dict[str, Any]) -> None:
    command = "patom audit 'a & b.csv' --task 'user id' --target y --seed 0"
    assert read(render_page(small | {"command": command, "fail_above": None})).text("pre") == command
    assert read(render_page(small | {"command": command})).text("pre") == f"{command} --fail-above 0.25"
    assert "How to run it again" not in read(render_page(small | {"command": None})).text("h2")


@pytest.mark.slow
def test_the_page_explains_the_optimised_attack_and_promises_no_bound(small: dict[str, Any]) -> None:
    reader = read(render_page(small))
    assert "projected ascent on the exact gradient, 40 iterations" in reader.text("dd")
    assert "step size" not in reader.text("dd")
    assert "Random and optimised" in reader.text("dt")
    for words in ("starts at the same random rows", "exact gradient", "strongest attack of this package", "no bound"):
        assert words in reader.text("dd")
    assert "The threat is that of “Data Poisoning Attacks" in reader.text("footer")
    assert "optimised, direct" in reader.text("bdi")
    assert "PATOM" not in reader.text()


@pytest.mark.slow
@pytest.mark.parametrize("setting", [{"attack": "patom"}, {}])
def test_step_sizes_say_where_they_come_from(small: dict[str, Any], setting: dict[str, str]) -> None:
    del small["setting"]["attack"]  # reports of the time before there was a choice have none
    small["setting"] |= {"iterations": 10, "step_size": 100.0} | setting
    for point in small["curves"]:
        method, _, reach = point["attack"].partition("-")
        if method == "ascent":
            point |= {"attack": f"patom-{reach}", "label": f"PATOM, {reach}"}
    reader = read(render_page(small))
    assert "PATOM, 10 iterations, step size 100" in reader.text("dd")
    assert "Random and PATOM" in reader.text("dt")
    assert "not the strongest of this package" in reader.text("dd")
    assert "The attack is PATOM, from “Data Poisoning Attacks" in reader.text("footer")
    small["setting"] |= {"step_size": None, "step_sizes": {"patom-direct": 1.0, "patom-indirect": 0.01}}
    told = read(render_page(small)).text("dd")
    assert "PATOM, 10 iterations, step size 1 (direct), 0.01 (indirect), chosen in pilot attacks by" in told
    assert "training loss" in told


@pytest.mark.slow
def test_tasks_measured_together_are_said_so(small: dict[str, Any]) -> None:
    assert "mean over tasks, test rows" in read(render_page(small)).text("span")
    small["model"]["measured"] = "tasks together"
    small["exposure"] = None
    reader = read(render_page(small))
    assert "tasks together, test rows" in reader.text("span")
    assert "no map of who can hurt whom: the test rows of single tasks are too few" in reader.text("p")


def test_what_cannot_be_said_neither_passes_the_gate_nor_fails_it(small: dict[str, Any]) -> None:
    small["fail_above"] = {"threshold": 0.25, "exceeded": None, "reason": "A single draw has no interval."}
    text = read(render_page(small)).text().replace("\u00a0", " ")
    assert "Passes" not in text
    assert "Fails" not in text
    assert "Cannot say : whether worst relative damage is above 25 %" in text


@pytest.mark.slow
def test_fits_that_stopped_early_are_mentioned(small: dict[str, Any]) -> None:
    assert "stopped before" not in read(render_page(small)).text("dd")
    small["setting"] |= {"attacks_run": 133, "attacks_uncertified": 4}
    assert "4 of 133 stopped before their tolerance" in read(render_page(small)).text("dd")


def test_attacks_that_ran_out_of_moves_are_mentioned(small: dict[str, Any]) -> None:
    assert "still rising" not in read(render_page(small)).text("dd")
    small["setting"] |= {"attacks_run": 133, "attacks_rising": 5, "iterations": 7, "worst_run": 5, "worst_rising": 2}
    text = read(render_page(small)).text("dd")
    assert "5 of 133 were still rising when their moves were used up (7 moves in the survey)" in text
    assert "The worst attack of the curves went on: 2 of its 5 still rising" in text


@pytest.mark.parametrize("schema", [None, 0, 2, "1"])
def test_other_schema_is_refused(small: dict[str, Any], schema: object) -> None:
    with pytest.raises(ValueError, match=rf"schema 1; got {schema!r}"):
        render_page(small | {"schema": schema})


def test_missing_sections_are_named(small: dict[str, Any]) -> None:
    del small["model"], small["verdict"]
    with pytest.raises(ValueError, match="lack model, verdict"):
        render_page(small)


@pytest.mark.slow
def test_seeds_and_looks_of_lines_are_those_that_there_are(make_report: Any) -> None:
    whole = make_report(tasks=3)
    page = read(render_page(whole)).text("p")
    assert "Lines are means over 5 seeds, bands" in page
    assert "Orange is an attack through the target tasks themselves, blue one through other tasks only; dashed" in page
    part = make_report(tasks=3)
    part["curves"] = [point for point in part["curves"] if point["attack"].endswith("-indirect")]
    part["curves"][0]["n_seeds"] = 2
    part["curves"][1] |= {"n_seeds": 0, "damage": {"mean": None, "low": None, "high": None}}
    page = read(render_page(part)).text("p")
    assert "Lines are means over 2 to 5 seeds, bands" in page
    assert "Orange" not in page
    assert "Blue is an attack through other tasks only; dashed lines are random rows" in page


def test_the_big_number_says_what_was_injected(small: dict[str, Any]) -> None:
    small["verdict"]["injected"] = "1 row (1.2 % more, in 1 of 5 tasks)"
    assert ", which is 1 row (1.2 % more, in 1 of 5 tasks)" in read(render_page(small)).text("p")


@pytest.mark.slow
def test_tasks_measured_together_say_what_their_own_figures_are_set_against(make_report: Any) -> None:
    report = make_report(metric="NMSE")
    words = "set against the variance of its own test targets"
    assert words not in read(render_page(report)).text("p")
    report["model"]["measured"] = "tasks together"
    assert words in read(render_page(report)).text("p")


def test_one_row_is_no_rows(make_report: Any) -> None:
    report = make_report(tasks=2)
    report["exposure"]["rows_injected"] = [1, 2]
    page = render_page(report)
    assert "(1 row injected)" in page
    assert "(2 rows injected)" in page
