"""JSON of strangers: a value, or one clause."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patom.plain_json import read_json

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, derandomize=True, max_examples=50)
@given(VALUES)
def test_what_json_writes_is_read(value):
    text = json.dumps(value, ensure_ascii=False)
    assert read_json(text) == value
    assert read_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is no JSON: "),
        (b"{", "it is no JSON: "),
        (b"\xef\xbb\xbf{}", "it is no JSON: "),
        (b"\xff", "it is not text in UTF-8"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a":' * 200_000, "nested too deeply"),
        (b'{"a": 1, "b": 2, "a": 3}', "the key 'a' is there twice"),
        (b'[{"a": [NaN]}]', "it holds NaN, which is no number of JSON"),
        (b"[-Infinity]", "it holds -Infinity"),
        (b'["\\ud800"]', "half a character"),
        (b"[1e999]", "too large for a float"),
        (b"[" + b"9" * 5_000 + b"]", "4300 digits"),
    ],
)
def test_what_is_no_json_is_one_clause(content, reason):
    with pytest.raises(ValueError, match=r"^[a-zE]") as caught:
        read_json(content)
    assert type(caught.value) is ValueError
    assert reason in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_pythons_own_infinities_are_read_where_they_are_meant():
    assert read_json("[Infinity, -Infinity, 1e999]", strict=False) == [float("inf"), float("-inf"), float("inf")]
    assert read_json('["\\ud800"]', strict=False) == ["\ud800"]
