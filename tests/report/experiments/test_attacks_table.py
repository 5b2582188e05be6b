"""Attacks side by side: each line of each table is on the page, and a run of nothing else is no empty page."""

from patom.report import render_experiments


def table(title="SARCOS, lambda 0.01"):
    return {
        "title": title,
        "settings": "lambda 0.01, PATOM 10 iterations",
        "columns": ["Attack", "rise"],
        "groups": [["direct", [["random <rows>", "7.7 %"], ["ascent", "114 %"]]], ["indirect", [["ascent", "6.9 %"]]]],
    }


def test_every_line_is_shown(results):
    page = render_experiments(results | {"attacks": [table(), table("digits")]})
    assert page.count("<h3><bdi>SARCOS, lambda 0.01</bdi></h3>") == page.count("<h3><bdi>digits</bdi></h3>") == 1
    assert page.count("<td><bdi>random &lt;rows&gt;</bdi></td>") == 2
    for text in ("7.7", "114", "6.9"):
        assert f"<bdi>{text} %</bdi>" in page


def test_a_run_of_attacks_alone_does_not_say_that_it_has_no_figures(bare):
    without, with_table = render_experiments(bare), render_experiments(bare | {"attacks": [table()]})
    assert "no results to draw" in without
    assert "no results to draw" not in with_table
    assert "Attacks side by side" in with_table
    assert "Attacks side by side" not in without
    assert "1 table" in with_table
