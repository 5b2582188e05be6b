"""Attacks side by side: each line of each table is on the page, numbers above their intervals, the best in bold."""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from patom.report import render_experiments
from patom.report.panels import PageCell
from patom.report.sections import attacks
from patom.results.grid import Attacks

Read = Callable[[str], Any]
Make = Callable[..., dict[str, Any]]


def table(*groups: tuple[str, list[list[str]]], title: str = "SARCOS, lambda 0.01") -> dict[str, Any]:
    columns = ["Attack", "rise", "minus PATOM's best", "seconds"]
    return {"title": title, "settings": "", "columns": columns, "groups": list(groups), "panels": []}


def groups_of(told: dict[str, Any]) -> Any:
    return attacks.table(Attacks.model_validate(told)).groups


def cells(*rows: list[str]) -> list[list[PageCell]]:
    (group,) = groups_of(table(("direct", list(rows))))
    return group[1]


def test_every_cell_is_on_the_page(bare: dict[str, Any], rng: np.random.Generator, make_attacks: Make) -> None:
    shown = [make_attacks(rng, "SARCOS, lambda 0.01"), make_attacks(rng, "<digits>", kinds=["hybrid"])]
    shown[0]["groups"][0][1][0][0] = "random <rows>"
    page = render_experiments(bare | {"attacks": shown})
    for number, experiment in enumerate(shown, start=1):
        body = page[page.index(f'id="attacks-{number}"') :]
        body = body[: body.index("</table>")]
        expected = [row for _, rows in groups_of(experiment) for row in rows]
        assert body.count("<td>") == sum(len(row) for row in expected) == 9 * len(expected)
        assert body.count("<small>") == sum(bool(cell.below) for row in expected for cell in row)
    assert "<td><bdi>random &lt;rows&gt;</bdi></td>" in page
    assert "<h3><bdi>&lt;digits&gt;</bdi></h3>" in page


def test_the_table_stands_open_below_the_figures(bare: dict[str, Any], read: Read) -> None:
    rows = [["ascent", "114 % (one seed)", "", "0.8"]]
    line = {"attack": "ascent-direct", "label": "ascent", "budgets": [0.1]}
    rise = {"mean": 1.14, "low": None, "high": None}
    panels = [{"kind": "direct", "lines": [line | {"rise": [rise]}]}]
    page = render_experiments(bare | {"claims": [], "attacks": [table(("direct", rows)) | {"panels": panels}]})
    body = page[page.index('id="attacks-1"') : page.index("</table>")]
    assert body.index("<svg") < body.index("<table")
    assert "<details" not in body
    assert Counter(read(page).tags)["table"] == 1
    assert "Minus PATOM’s best" in read(page).text("bdi")


def test_a_run_of_attacks_alone_counts_its_figures(
    bare: dict[str, Any], rng: np.random.Generator, make_attacks: Make
) -> None:
    without = render_experiments(bare)
    alone = render_experiments(bare | {"attacks": [make_attacks(rng, "a"), make_attacks(rng, "b")]})
    assert "no results to draw" in without
    assert "no results to draw" not in alone
    assert "Attacks side by side" in alone
    assert "Attacks side by side" not in without
    assert "<span>2 figures</span>" in alone


@pytest.mark.parametrize(
    ("words", "cell"),
    [
        ("7.8 % (6.9 % to 8.8 %)", PageCell("7.8 %", "6.9 to 8.8 %")),
        ("-0.5 % (-0.8 % to -0.3 %)", PageCell("−0.5 %", "−0.8 to −0.3 %")),
        ("1,321 % (759 % to 1,882 %)", PageCell("1,321 %", "759 to 1,882 %")),
        ("3.3 points (-1.2 points to 7.8 points)", PageCell("3.3 points", "−1.2 to 7.8 points")),
        ("50 % (one seed)", PageCell("50 %")),
        ("not measurable", PageCell("n/a")),
        ("2 of 3 cells", PageCell("2 of 3 cells")),
        ("12.5", PageCell("12.5")),
        ("", PageCell("")),
    ],
)
def test_a_number_stands_above_its_interval(words: str, cell: PageCell) -> None:
    assert cells(["PATOM, step 1e-3", "1 %", words, "1"])[0][2] == cell


def test_names_stay_as_they_are() -> None:
    name = "ascent (sped up to 1), lambda -3"
    assert cells([name, "1 %", "", "1"])[0][0] == PageCell(name)


def test_the_largest_rise_of_each_group_is_bold_with_its_name() -> None:
    direct = [["a", "990 % (1 % to 9 %)", "", ""], ["b", "1,002 % (1 % to 2 %)", "", ""], ["c", "1,002 %", "", ""]]
    indirect = [["a", "not measurable", "5 %", ""], ["b", "-2.0 %", "7 %", ""], ["c", "-0.5 %", "9 %", ""]]
    groups = groups_of(table(("direct", direct), ("indirect", indirect)))
    bold = [[cell.words for row in rows for cell in row if cell.best] for _, rows in groups]
    assert bold == [["b", "1,002 %", "c", "1,002 %"], ["c", "−0.5 %"]]


@pytest.mark.parametrize("rows", [[], [["a", "5 %"]], [["a", "5 %"], ["b", "not measurable"]]])
def test_nothing_is_best_of_one(rows: list[list[str]]) -> None:
    assert not any(cell.best for row in cells(*rows) for cell in row)


def test_bold_is_on_the_page_once_a_group(bare: dict[str, Any], rng: np.random.Generator, make_attacks: Make) -> None:
    page = render_experiments(bare | {"attacks": [make_attacks(rng, "a")]})
    body = page[page.index('<table class="numbers attacks">') :]
    body = body[: body.index("</table>")]
    names = re.findall(r"<td><b><bdi>([^<]*)</bdi></b></td>", body)
    assert names == ["ascent, exact gradient, labels too"] * 2
    assert body.count("<b>") == 4
