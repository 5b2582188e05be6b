"""Generators depend on their key alone, and are numpy's own for it: what was drawn before is drawn again."""

import numpy as np

from patom.evaluate.seeding import Stream, generator


def test_a_key_is_numpys_list_or_number():
    assert generator(5, Stream.ATTACK, 2).random() == np.random.default_rng([5, 3, 2]).random()
    large = 2**200 + 7
    assert generator(large).random() == np.random.default_rng(large).random()


def test_the_streams_numbers_never_change():
    assert {stream.name: stream.value for stream in Stream} == {
        "SAMPLE": 1, "FOLDS": 2, "ATTACK": 3, "TARGETS": 4, "SPLIT": 5, "ACCOUNTS": 6,
    }  # fmt: skip
