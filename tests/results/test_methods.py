"""The word that files hold for an attack is read back into the same method and reach, and nothing else is."""

import itertools

import pytest

from patom.results.methods import AttackName, Method, Reach

ALL = [AttackName(method, reach) for method, reach in itertools.product(Method, Reach)]


@pytest.mark.parametrize("name", ALL, ids=str)
def test_there_and_back(name):
    assert AttackName.parse(str(name)) == name


def test_no_two_have_one_word():
    assert len({str(name) for name in ALL}) == len({name.words for name in ALL}) == len(ALL)


@pytest.mark.parametrize("text", ["", "patom", "direct", "-direct", "patom-", "patom-sideways", "Patom-direct"])
def test_what_names_no_attack_is_refused(text):
    with pytest.raises(ValueError, match=r"names no attack; an example of a name is 'patom-direct'"):
        AttackName.parse(text)
