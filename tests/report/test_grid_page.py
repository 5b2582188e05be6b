"""The page of a run of experiments: whole, safe, self-contained, and nothing of the results is lost."""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from page_reader import POLICY, policy

from patom.report import render_experiments

Read = Callable[[str], Any]
Make = Callable[..., dict[str, Any]]


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def test_claims_come_first_and_every_part_follows_in_order(results: dict[str, Any], read: Read) -> None:
    reader = read(render_experiments(results))
    headings = [data.strip() for tag, data in reader.words if tag == "h2"]
    assert headings == [
        "The paper’s claims",
        "Convergence of the attacks",
        "Quality of the solutions against budget",
        "Task correlations under attack",
        "Attacks side by side",
        "Screening of tasks",
        "Notes",
        "How it was run",
        "What failed",
        "How to run it again",
    ]
    panels = [
        len(experiment["panels"])
        for kind in ("convergence", "budgets", "attacks", "screening")
        for experiment in results[kind]
    ]
    assert Counter(reader.tags)["svg"] == sum(panels) + len(results["correlations"][0]["maps"])


def test_only_a_reproduction_is_headed_as_one(bare: dict[str, Any], read: Read) -> None:
    assert "Data Poisoning Attacks on" in read(render_experiments(bare | {"reproduction": True})).text("p")
    for own in (bare, bare | {"reproduction": False}):
        assert "Data Poisoning Attacks on" not in read(render_experiments(own)).text("p")
        assert "<b>Reproduction</b>" not in render_experiments(own)


def test_every_claim_stands_with_its_verdict_rule_and_evidence(bare: dict[str, Any], read: Read) -> None:
    for index, claim in enumerate(bare["claims"]):
        claim |= {"rule": f"Rule number {index}.", "ours": f"ours-{index}", "paper": f"paper-{index}"}
        claim["evidence"][0] |= {"setting": f"setting-{index}", "value": f"value-{index}"}
    page = render_experiments(bare)
    reader = read(page)
    rows = plain(page[page.index('<table class="claims">') :]).split("<tbody>\n    <tr><th")[1:]
    assert len(rows) == len(bare["claims"])
    for index, (claim, row) in enumerate(zip(bare["claims"], rows, strict=True)):
        assert plain(claim["claim"]) in row
        for words in (f"Rule number {index}.", f"ours-{index}", f"paper-{index}", f"setting-{index}", f"value-{index}"):
            assert words in row
        assert re.search(rf'class="chip \w+"><span aria-hidden="true">\S</span> {claim["verdict"]}<', row)
    assert "does not hold" in reader.text("td")
    assert "not measurable" in reader.text("td")


def test_a_browser_is_told_to_load_and_run_nothing(bare: dict[str, Any]) -> None:
    assert policy(render_experiments(bare)) == POLICY


@pytest.mark.parametrize(("verdict", "tone"), [("reproduced", "low"), ("partly", "moderate"), (None, "plain")])
def test_a_verdict_is_a_word_and_a_colour(bare: dict[str, Any], verdict: str | None, tone: str) -> None:
    bare["claims"] = [bare["claims"][0] | {"verdict": verdict}]
    page = render_experiments(bare)
    assert len(re.findall(rf'class="chip {tone}"', page)) == 2  # in the table, and counted above
    assert f"1 {verdict or 'not tested'}</span>" in page


@pytest.mark.parametrize(
    ("verdicts", "sentence"),
    [
        (["reproduced"] * 4 + ["partly"] * 3 + ["not reproduced"] * 2, "4 of 9 claims reproduced, 3 partly, 2 not."),
        (["reproduced"] * 2, "All 2 claims reproduced."),
        (["reproduced"], "1 of 1 claim reproduced."),
        (["partly", None], "None of 2 claims reproduced, 1 partly, 1 not tested."),
        ([], "This run tests no claim of the paper."),
    ],
)
def test_summary_counts_the_verdicts(
    bare: dict[str, Any], read: Read, verdicts: list[str | None], sentence: str
) -> None:
    bare["claims"] = [bare["claims"][0] | {"verdict": verdict} for verdict in verdicts]
    assert sentence in read(render_experiments(bare)).text("p")


def test_provenance_is_all_there(bare: dict[str, Any], read: Read) -> None:
    reader = read(render_experiments(bare))
    run = plain(reader.text("dd", "bdi", "code"))
    for words in (
        "2,400",
        "3 stopped before their tolerance",
        "10⁻⁹",
        "abc1234",
        "numpy 2.4.1",
        "0123456789abcdef" * 4,
    ):
        assert words in run
    assert "10 seeds, intervals at 95 %" in run
    assert bare["notes"][0] in reader.text("bdi")
    assert reader.text("pre") == "patom run fig2 --out fig2"


def test_failures_are_announced_above_and_gathered_by_error(bare: dict[str, Any], read: Read) -> None:
    bare["failures"] += [{"cell": f"cell {index}", "error": "OSError: disk"} for index in range(9)]
    bare["provenance"]["failed"] = 11
    page = render_experiments(bare)
    reader = read(page)
    assert page.index("11 cells failed") < page.index('id="claims"')
    assert 'href="#failures"' in page
    assert reader.text("bdi").count("no rows") == 1
    assert reader.text("bdi").count("OSError: disk") == 1
    assert "4 more with this error" in reader.text("summary")
    assert all(failure["cell"] in reader.text("bdi") for failure in bare["failures"])


def test_a_run_of_nothing_but_failures_has_a_page(bare: dict[str, Any], read: Read) -> None:
    bare |= {"claims": [], "notes": [], "command": None}
    text = read(render_experiments(bare)).text()
    assert "no results to draw" in text
    assert "2 cells failed" in text
    assert "How to run it again" not in text
    assert "The paper’s claims" not in text


def test_the_least_results_have_a_page(read: Read) -> None:
    least = {"schema": 1, "kind": "experiments", "title": "Nothing", "patom_version": "0.1.0", "n_seeds": 1}
    reader = read(render_experiments(least))
    assert reader.text("bdi") == "Nothing 1 seed, no intervals"
    assert "failed" not in reader.text()


@pytest.mark.parametrize("kind", ["convergence", "budgets", "correlations", "attacks", "screening"])
def test_one_figure_only(results: dict[str, Any], bare: dict[str, Any], read: Read, kind: str) -> None:
    text = read(render_experiments(bare | {kind: results[kind][:1]})).text("h2")
    titles = (
        "Convergence",
        "Quality of the solutions",
        "Task correlations",
        "Attacks side by side",
        "Screening of tasks",
    )
    shown = [name in text for name in titles]
    assert shown == [kind == name for name in ("convergence", "budgets", "correlations", "attacks", "screening")]


def test_page_loads_nothing(results: dict[str, Any], read: Read) -> None:
    page = render_experiments(results)
    reader = read(page)
    assert not {"script", "link", "img", "iframe", "image", "object", "base"} & set(reader.tags)
    for tag, name, value in reader.attributes:
        assert "//" not in value, (tag, name)
        assert not name.startswith("on"), (tag, name)
        if name in {"src", "href", "xlink:href", "srcset", "data", "action"}:
            assert value.startswith("#"), (tag, name, value)
    assert "@import" not in page
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", page))


def test_ids_are_unique_and_every_reference_has_its_target(results: dict[str, Any], read: Read) -> None:
    results["correlations"] *= 2
    results["convergence"] = results["convergence"][1:] * 3
    page = render_experiments(results)
    ids = Counter(value for _, name, value in read(page).attributes if name == "id")
    assert max(ids.values()) == 1
    references = set(re.findall(r'(?:href="|url\()#([^")]+)', page))
    assert {"convergence-3", "budgets-2", "correlations-2", "failures"} <= references
    assert references <= set(ids)


def test_renders_to_the_same_bytes(results: dict[str, Any]) -> None:
    results |= {"convergence": results["convergence"][1:], "budgets": results["budgets"][1:]}
    assert render_experiments(results).encode() == render_experiments(results).encode()


def test_text_from_the_results_is_escaped(
    bare: dict[str, Any], rng: np.random.Generator, make_correlations: Make, make_budgets: Make, read: Read
) -> None:
    evil = '<script>alert("1")</script> & $x^2$ 東京'
    tasks = [evil, '" onload="x', "a & b", "\x00\ud800", "$x^2$"]
    bare |= {"title": evil, "notes": [evil], "command": evil, "failures": [{"cell": evil, "error": evil}]}
    bare["claims"][0] |= {"claim": evil, "ours": evil, "paper": evil, "rule": evil, "verdict": evil}
    bare["correlations"] = [make_correlations(rng, evil, tasks)]
    bare["budgets"] = [make_budgets(rng, evil, tasks, pairs="A")]
    page = render_experiments(bare)
    page.encode("utf-8")
    reader = read(page)
    assert "script" not in reader.tags
    assert not [name for _, name, _ in reader.attributes if name.startswith("on")]
    assert not {"\x00", "\ud800"} & set(page)
    assert reader.text("bdi").count(evil) >= 8
    assert evil in reader.text("title")
    assert evil in reader.text("pre")
    assert "$x^2$" in reader.text("text")
    assert '" onload="x' in reader.text("text")


@pytest.mark.slow
def test_thirty_experiments_fold_and_are_listed(
    bare: dict[str, Any], rng: np.random.Generator, make_convergence: Make, read: Read
) -> None:
    bare["convergence"] = [
        make_convergence(rng, f"Sweep {index}", runs=2, kinds=["indirect"]) for index in range(1, 31)
    ]
    page = render_experiments(bare)
    reader = read(page)
    assert page.count('<details class="card">') == 26
    assert all(f'<a href="#convergence-{index}"><bdi>Sweep {index}</bdi></a>' in page for index in range(1, 31))
    assert Counter(reader.tags)["svg"] == 30


def test_one_seed_says_that_there_are_no_bands(
    bare: dict[str, Any], rng: np.random.Generator, make_budgets: Make, make_convergence: Make, read: Read
) -> None:
    bare |= {"n_seeds": 1}
    bare["budgets"] = [make_budgets(rng, "One", ["1", "2"], pairs="A")]
    bare["convergence"] = [make_convergence(rng, "One", runs=1)]
    for panel in bare["convergence"][0]["panels"]:
        panel |= {"low": [None] * 11, "high": [None] * 11}
    panel = bare["budgets"][0]["panels"][0]
    for value in [panel["clean"], *(value for line in panel["lines"] for value in (*line["metric"], *line["damage"]))]:
        value |= {"low": None, "high": None}
    reader = read(render_experiments(bare))
    assert "There is one seed, so there are no bands." in reader.text("p")
    assert "no intervals" in reader.text("span")
    titles = " ".join(data for tag, data in reader.words if tag == "title")
    assert "(no interval)" in titles


@pytest.mark.parametrize(("fewest", "over"), [(3, "3 to 5 seeds"), (5, "5 seeds"), (None, "5 seeds")])
def test_bands_say_over_how_many_seeds_they_are(
    results: dict[str, Any], bare: dict[str, Any], read: Read, fewest: int | None, over: str
) -> None:
    told = bare | {"budgets": results["budgets"][:1], "n_seeds": 5, "fewest_seeds": fewest}
    assert f"Bands are 95 % intervals of the mean over {over}." in plain(read(render_experiments(told)).text("p"))


def test_nothing_measurable_is_said(results: dict[str, Any], read: Read) -> None:
    nothing = {"mean": None, "low": None, "high": None}
    for panel in results["convergence"][0]["panels"]:
        panel |= {"mean": [None] * 11, "low": None, "high": None, "runs": []}
    for panel in results["budgets"][0]["panels"]:
        panel["clean"] = nothing
        for line in panel["lines"]:
            line |= {"metric": [nothing] * 5, "damage": [None] * 5}
    for shown in results["correlations"][0]["maps"]:
        shown |= {"correlation": None, "spectrum": None, "flipped": nothing, "shift": None}
    results["budgets"][1]["panels"] = []
    reader = read(render_experiments(results))
    assert reader.text("text").count("not measurable") == 3 + 2
    assert "Nothing of this experiment could be measured." in reader.text("p")


def test_tables_hold_the_numbers_of_the_figures(results: dict[str, Any], read: Read) -> None:
    line = results["budgets"][0]["panels"][0]["lines"][2]
    line["metric"][4] = {"mean": 0.98765, "low": 0.9333, "high": 1.0222}
    line["damage"][4] = {"mean": 0.5432, "low": 0.4111, "high": 0.6777}
    results["convergence"][0]["panels"][1]["mean"][10] = 0.0321
    results["convergence"][0]["panels"][1] |= {"low": [0.021] * 11, "high": [0.0432] * 11}
    results["correlations"][0]["maps"][1] |= {
        "flipped": {"mean": 0.333, "low": 0.222, "high": 0.444},
        "among_attackers": {"mean": 0.951, "low": 0.902, "high": 0.998},
    }
    cells = plain(read(render_experiments(results)).text("bdi"))
    assert "PATOM, direct, 50 % 0.988 0.933 to 1.02 54 % 41 to 68 %" in cells
    assert "3.2 % (2.1 to 4.3 %)" in cells
    assert "33 % (22 to 44 %)" in cells
    assert "0.95 (0.90 to 1.00)" in cells


@pytest.mark.parametrize(("largest", "said"), [(0.995, True), (0.9, False)])
def test_maps_of_rank_one_are_pointed_out(
    results: dict[str, Any], bare: dict[str, Any], largest: float, said: bool
) -> None:
    told = results["correlations"]
    for shown in told[0]["maps"]:
        shown["spectrum"] = [0.7, 0.3]
    told[0]["maps"][1]["spectrum"] = [largest, 1 - largest]
    page = render_experiments(bare | {"correlations": told})
    assert ("Practically of rank 1: <bdi>case A</bdi>" in page) is said


@pytest.mark.parametrize("change", [{"kind": "audit"}, {"schema": 2}, {"schema": None}])
def test_other_results_are_refused(bare: dict[str, Any], change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="results of kind 'experiments', schema 1; got kind"):
        render_experiments(bare | change)


def test_missing_names_are_named(bare: dict[str, Any]) -> None:
    del bare["title"], bare["n_seeds"]
    with pytest.raises(ValueError, match="title, n_seeds missing"):
        render_experiments(bare)
