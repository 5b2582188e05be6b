"""Text columns of numbers as people write them are an error, never dropped as holding no numbers."""

import pyarrow as pa
import pytest

from patom.datasets.tables.features import meant_as_numbers, numbers_among

MEANT = {
    "thousands": ["1,234,567", "1,234.50", "12,34,567.8", "1.234,5", "1.234.567", "1'234.5", "1’234’567", "1 234 567"],
    "spaces": ["1\u00a0234,5", "1\u202f234", "1\u2009234.5", "\u200e-1.5", "( 1.5 )"],
    "currencies": ["$1.50", "-$1.50", "$-1.50", "$ 1,234.50", "1.50 €", "1.234,50€", "£5", "₹1,00,000", "R$ 1,50"],
    "codes of currencies": ["EUR 5", "5 EUR", "USD 1,000.00", "US$5", "5 kr", "usd 3", "12 zł"],
    "bookkeepers": ["(1.5)", "(1,234.50)", "($1.50)", "$(1.50)", "(5%)", "1.5-", "1,234.50-"],
    "minus": ["−1.5", "–1.5", "－1.5", "﹣3", "- 1.5", "1.5e−3"],
    "parts": ["20%", "20 %", "1,5 %", "5‰", "5％", "% 20"],
    "commas": ["1,5", "-1,5", ",5", "1,5e3", "1.5D+03"],
    "digits": ["１２３", "١٢٣", "١٫٥", "١٬٢٣٤٫٥"],
    "spreadsheets": ["'1.5", "'-1,234"],
    "typeset": ["1·5", "1½", "3 ¼", "½", "20°", "-5 °", "1.5×10^3", "1.5 × 10^−3", "2*10**3"],
}
OTHERS = {
    "dates": ["2020-01-01", "01.02.2020", "1.2.2020", "01/02/2020", "2020/01"],
    "times": ["10:30", "10:30:15"],
    "versions": ["v1.2", "1.2.3", "1.10.2"],
    "addresses": ["10.0.0.1", "192.168.100.200", "123.123.123.123"],
    "telephones": [
        "+49 123 456 789",
        "612 345 678",
        "555-123-4567",
        "(555) 123-4567",
        "555.123.4567",
        "01 23 45 67 89",
    ],
    "codes": ["123-456", "A1", "1A", "E5", "12E", "1_000", "ABC 123", "BIO 101", "#12", "No 5", "0x1F", "12 34"],
    "words": ["5th", "5 kg", "<0.5", "~5", "1,2,3", "1/2", "10–20", "-", "–", "%", "$", "()", "", "X$", "(5", "5)"],
}


@pytest.mark.parametrize("kind", MEANT)
def test_numbers_as_people_write_them_are_meant_as_numbers(kind):
    written = pa.array(MEANT[kind])
    assert meant_as_numbers(written).all(), [
        w for w, k in zip(MEANT[kind], meant_as_numbers(written), strict=True) if not k
    ]
    assert not numbers_among(written).any()


@pytest.mark.parametrize("kind", OTHERS)
def test_dates_times_codes_versions_and_telephones_are_not(kind):
    written = pa.array(OTHERS[kind])
    assert not meant_as_numbers(written).any()


@pytest.mark.parametrize("kind", MEANT)
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_column_of_such_numbers_is_an_error_that_names_the_first(fault, kind, form):
    written = MEANT[kind]
    if form == "parquet":
        n = len(written)
        content = pa.table({"t": ["a"] * n, "x": range(n), "y": range(n), "price": written})
        place = "row 1"
    else:
        content = "t,x,y,price\n" + "".join(f'a,{i},{i},"{value}"\n' for i, value in enumerate(written))
        place = "row 1 (line 2 of the file)"
    message = fault(content)
    assert message.startswith(
        f"The column 'price' of data.{form} holds {written[0]!r} in {place}, which is not a number"
    )
    assert message.endswith("(numbers are written like -1.5 or 2e3), drop their rows, or choose the features by name.")


@pytest.mark.parametrize("kind", OTHERS)
def test_a_column_of_others_is_left_out_with_a_note(read, kind):
    rows = [f'a,{i},{i},"{value}"\n' for i, value in enumerate([*OTHERS[kind], "one", "two"])]
    table = read("t,x,y,other\n" + "".join(rows))
    assert table.features == ("x",)
    assert "Left out of the features, as they hold no numbers: 'other'." in table.notes


def test_spaces_around_numbers_are_not_part_of_them(read):
    table = read({"x": ["1.5\u00a0", "\u202f2", " 3 "]})
    assert table.X[:, 0].tolist() == [1.5, 2, 3]
