"""What the page says would help."""

import re

from patom.report import render_page


def names(page):
    """The first cells of the table's rows, and the last ones."""
    table = page[page.index('<table class="remedies">') :]
    rows = [re.findall(r"<td>(.*?)</td>", row, re.DOTALL) for row in table[: table.index("</table>")].split("<tr>")[2:]]
    assert {len(row) for row in rows} == {6}
    return [row[0] for row in rows], [row[-1].replace("\u00a0", " ") for row in rows]


def test_the_best_is_what_the_audit_recommends(helped):
    page = render_page(helped)
    labels, prevented = names(page)
    assert labels == ["A", "<b>B &amp; &lt;B&gt;</b>", "C"]
    assert prevented == ["40 %<small>35 to 45 %</small>", "70 %<small>65 to 75 %</small>", "n/a"]
    assert "To turn on “B &amp; &lt;B&gt;”" in page
    assert "What would help" in page
    assert "goes from 0.950 to\n    0.200" in page
    assert "<pre>model = B &amp; &lt;B&gt;</pre>" in page
    assert "B helps most." in page
    assert "costs at most 10\u00a0%" in page


def test_where_none_helps_no_lines_are_shown(helped):
    helped["remedies"] |= {"recommended": None, "reason": "None of the 3 can be recommended: for each, <chance>."}
    helped["remedies"]["remedies"][0]["objection"] = "the interval of what is kept off holds zero"
    page = render_page(helped)
    assert "<b>" not in "".join(names(page)[0])
    assert "None of the 3 can be recommended: for each, &lt;chance&gt;." in page
    assert "<small>not recommended: the interval of what is kept off holds zero</small>" in page
    assert "<pre>model" not in page
    assert "To turn on" not in page


def test_results_of_earlier_versions_recommend_nothing(helped):
    for name in ("recommended", "reason", "cost_limit"):
        del helped["remedies"][name]
    for told in helped["remedies"]["remedies"]:
        del told["objection"]
    assert "<b>" not in "".join(names(render_page(helped))[0])
    assert "To turn on" not in render_page(helped)
    assert "costs at most a limit" in render_page(helped)
    assert "say of no defense whether it can be recommended: run the audit again." in render_page(helped)


def test_reports_without_remedies_have_no_such_section(report):
    assert "What would help" not in render_page(report)
    assert "What would help" not in render_page(report | {"remedies": None})


def test_without_any_remedy_there_is_no_such_section(helped):
    helped["remedies"]["remedies"] = []
    assert "What would help" not in render_page(helped)
