"""``patom.experiments``, the former name of ``patom.paper``, still gives the same names."""

import pytest

from patom import experiments, paper


@pytest.mark.parametrize("name", paper.__all__)
def test_the_former_name_gives_the_same_with_a_warning(name):
    with pytest.warns(DeprecationWarning, match=r"^patom\.experiments is called patom\.paper now") as caught:
        assert getattr(experiments, name) is getattr(paper, name)
    assert caught[0].filename == __file__
    assert name in experiments.__all__


def test_it_has_no_other_names():
    assert sorted(experiments.__all__) == sorted(paper.__all__)
    with pytest.raises(AttributeError, match="no attribute 'walls'"):
        _ = experiments.walls
