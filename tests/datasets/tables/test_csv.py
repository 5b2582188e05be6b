"""Excel's first line, and headers of very many columns."""

import numpy as np
import pytest


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;", "\ufeffsep=;"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_excel_s_first_line_names_the_separator_and_is_no_header(read, first, end):
    table = read(end.join([first, "t;a,b,c,d,e;y", "1;2.5;3", "2;3.5;4.5", "3;1;1", ""]))
    assert table.features == ("a,b,c,d,e",)
    assert table.task.tolist() == [1, 2, 3]
    np.testing.assert_array_equal(table.X[:, 0], [2.5, 3.5, 1])
    assert table.notes[0] == "The file's columns are separated by semicolons."


@pytest.mark.parametrize(("separator", "by"), [("\t", "tabs"), ("^", "'^'"), ("|", "bars")])
def test_other_separators_named_so(read, separator, by):
    table = read(f"sep={separator}\n" + "t,x,y\n1,2,3\n2,5,4\n3,1,9\n".replace(",", separator))
    assert table.X[:, 0].tolist() == [2, 5, 1]
    assert table.notes[0] == f"The file's columns are separated by {by}."


def test_a_comma_named_so_needs_no_note(read):
    assert not any("separated" in note for note in read("sep=,\nt,x;z;w;v,y\n1,2,3\n2,5,4\n3,1,9\n").notes)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("1;2;3\n2;;4\n3;3;5\n", "holds a missing value in row 2 (line 4 of the file), column 'x'"),
        ("1;2;3\n2;4\n3;3;5\n", "row 2 (line 4 of the file) has 2 values where the header names 3 columns"),
        ("1;2;3\n;3;4\n3;3;5\n", "names no task in row 2 (line 4 of the file)"),
    ],
)
def test_lines_are_those_of_the_file(fault, rows, said):
    assert said in fault("sep=;\nt;x;y\n" + rows)


def test_a_column_named_so_is_a_column(read):
    assert read("sep=x,t,y\n1,2,3\n2,3,4\n5,4,9\n").features == ("sep=x",)


def test_names_are_not_compared_with_all_others(read):
    class Name(str):
        compared = 0
        __hash__ = str.__hash__

        def __eq__(self, other):
            Name.compared += 1
            return str.__eq__(self, other)

    names = [Name(f"x{j}") for j in range(100)]
    header, rows = (
        ",".join(["t", "y", *names]),
        [",".join(["a", str(i), *map(str, range(i, i + 100))]) for i in range(3)],
    )
    read("\n".join([header, *rows, ""]), features=names)
    assert Name.compared < 20 * len(names)


def test_a_ragged_row_that_is_not_utf_8_leaves_no_traceback(fault, capfd):
    said = "data.csv cannot be read as CSV: it is not in UTF-8, so save it as UTF-8."
    assert fault("t,x,y\n1,2,3\n1,é\n".encode("latin-1")) == said
    assert capfd.readouterr() == ("", "")
