"""What the page says would help."""

from patom.report import render_page
from patom.report.sections.remedies import words
from patom.results.audit import Results


def remedies(report):
    results = Results.model_validate(report)
    return words(results.remedies, results.model.metric)


def test_the_best_is_what_the_audit_recommends(helped):
    found = remedies(helped)
    assert [row.best for row in found.rows] == [False, True, False]
    assert (found.best.label, found.best.code) == ("B & <B>", "model = B & <B>")
    assert [value for value, _ in found.rows[1].cells][-1].replace("\u00a0", " ") == "70 %"
    page = render_page(helped)
    assert "What would help" in page
    assert "goes from 0.950 to\n    0.200" in page
    assert "<pre>model = B &amp; &lt;B&gt;</pre>" in page
    assert "B helps most." in page
    assert "costs at most 10\u00a0%" in page


def test_where_none_helps_no_lines_are_shown(helped):
    helped["remedies"] |= {"recommended": None, "reason": "None of the 3 can be recommended: for each, <chance>."}
    helped["remedies"]["remedies"][0]["objection"] = "the interval of what is kept off holds zero"
    assert remedies(helped).best is None
    page = render_page(helped)
    assert "None of the 3 can be recommended: for each, &lt;chance&gt;." in page
    assert "<small>not recommended: the interval of what is kept off holds zero</small>" in page
    assert "<pre>model" not in page
    assert "To turn on" not in page


def test_results_of_earlier_versions_recommend_nothing(helped):
    for name in ("recommended", "reason", "cost_limit"):
        del helped["remedies"][name]
    for told in helped["remedies"]["remedies"]:
        del told["objection"]
    assert remedies(helped).best is None
    assert "say of no defense whether it can be recommended: run the audit again." in render_page(helped)


def test_reports_without_remedies_have_no_such_section(report):
    assert remedies(report) is None
    assert "What would help" not in render_page(report)
    assert "What would help" not in render_page(report | {"remedies": None})
