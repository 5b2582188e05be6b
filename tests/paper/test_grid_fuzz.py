"""Whatever is written into a grid, an answer comes back."""

import copy

from hypothesis import given, settings
from hypothesis import strategies as st

from patom.paper import Grid, parse_grid

WHOLE = {
    "title": "t",
    "seeds": 2,
    "experiments": [
        {
            "name": "one", "figure": "budgets", "attacks": ["patom-direct"], "budgets": [0.1, 0.2], "starts": 2,
            "pairs": {"count": 1, "targets": 2, "attackers": 1, "seed": 0}, "radius": 1.0,
            "data": {"name": "sarcos", "n_train": 10, "source": "auto", "standardise_targets": True},
            "model": {"loss": "huber", "lambda_1": 0.1}, "start": {"labels": "flipped"}, "patom": {"step_size": 1.0},
            "vary": [{"model.lambda_2": [0.1, 0.2], "name": ["a", "b"]}, {"patom.max_iter": [1, 2]}],
        },
        {
            "name": "two", "figure": "correlations", "attacks": ["patom-hybrid"], "budgets": [0.1],
            "pairs": [{"targets": [1, "b"], "attackers": [2]}], "data": {"name": "digits"},
        },
    ],
}  # fmt: skip
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
LEAVES = st.one_of(TEXTS, st.integers(), st.floats(), st.booleans())
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=5
)


def places(value):
    """Every container of a tree."""
    if isinstance(value, dict | list):
        yield value
        for entry in value.values() if isinstance(value, dict) else value:
            yield from places(entry)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_whatever_is_changed_a_grid_or_one_line_comes_back(as_toml, data):
    changed = copy.deepcopy(WHOLE)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from([found for found in places(changed) if found]))
        key = data.draw(st.sampled_from(sorted(place)) if isinstance(place, dict) else st.integers(0, len(place) - 1))
        change = data.draw(st.sampled_from(["drop", "replace", "add"]))
        if change == "drop":
            del place[key]
        elif change == "replace":
            place[key] = data.draw(VALUES)
        elif isinstance(place, dict):
            place[data.draw(TEXTS)] = data.draw(VALUES)
        else:
            place.append(data.draw(VALUES))
        if not changed:
            break
    try:
        assert isinstance(parse_grid(as_toml(changed), "G"), Grid)
    except ValueError as error:
        message = str(error)
        assert message.startswith("G: ")
        assert len(message.splitlines()) == 1
        assert "errors.pydantic.dev" not in message
