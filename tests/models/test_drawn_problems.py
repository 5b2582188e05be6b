"""Problems of any numbers, drawn: a certified fit, an honest status, or one sentence that says what to do."""

from collections import Counter

import numpy as np
import pytest
from drawn_problems import draw, judged

from patom.core.solvers.choose import Layout

A_BLOCK = 25


def wherever_possible(*_, shardable):
    return Layout.SHARDED if shardable else Layout.COPIED


PATCHES = {
    "copied": {},
    "borrowed": {"patom.core.solvers.choose.COPIED_NUMBERS": 1},
    "sharded": {"patom.models.problem.layout": wherever_possible},
}
extended = pytest.mark.skipif(np.finfo(np.longdouble).maxexp < 16384, reason="judging takes an extended precision")


@extended
@pytest.mark.parametrize("block", range(12))
def test_a_fit_a_status_or_a_sentence(block, monkeypatch):
    ends = Counter()
    for seed in range(A_BLOCK * block, A_BLOCK * (block + 1)):
        drawn = draw(seed)
        with monkeypatch.context() as patched:
            for name, value in PATCHES[drawn.path].items():
                patched.setattr(name, value)
            try:
                ends[judged(drawn)] += 1
            except Exception as error:
                error.add_note(f"seed {seed}: {drawn.path}, {drawn.loss}, {drawn.settings}")
                raise
    assert ends["CONVERGED"] >= 0.5 * (A_BLOCK - ends["refused"])  # so that stopping early is no way out
