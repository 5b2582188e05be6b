"""The sweep in a ball, block by block of samples and tile by tile of rows, is the loop of eq. 6 and nothing else."""

import numba
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from patom import Ball
from patom.attacks.patom import sweep


def written_out(X, samples, pushes, group, gain, radius):
    """Eq. 6, a loop over the samples."""
    X = X.copy()
    for sample, push, g in zip(samples, pushes, group, strict=True):
        X += push * gain[:, g, None] * sample
        X *= (radius / np.maximum(np.linalg.norm(X, axis=1), radius))[:, None]
    return X


def drawn(seed, rows=5, samples=40, columns=4, *, force=1.0, radius=1.0):
    """Rows in the ball and samples; a sample's typical move is ``force`` times the radius."""
    rng = np.random.default_rng(seed)
    return (
        Ball(radius).sample(rows, columns, rng),
        radius * rng.standard_normal((samples, columns)),
        force * rng.standard_normal(samples),
        rng.integers(0, 3, samples),
        rng.standard_normal((rows, 3)),
    )


@pytest.mark.parametrize("samples", [1, 2, 31, 32, 33, 64, 70])
@pytest.mark.parametrize("rows", [1, 7, 8, 9, 63, 64, 65, 130])
def test_any_number_of_rows_and_samples(rows, samples):
    arguments = drawn(rows + samples, rows, samples)
    np.testing.assert_allclose(sweep(*arguments, Ball()), written_out(*arguments, 1.0), rtol=0, atol=1e-14)


@pytest.mark.parametrize("force", [0.003, 0.1, 1.0, 100.0])
def test_errors_do_not_grow_with_the_number_of_samples(force):
    arguments = drawn(5, rows=20, samples=9_000, columns=16, force=force)
    moved = sweep(*arguments, Ball())
    np.testing.assert_allclose(moved, written_out(*arguments, 1.0), rtol=0, atol=1e-13)
    assert Ball().contains(moved).all()


@pytest.mark.parametrize("force", [1e8, 1e15, 1e60, 1e140])
def test_steps_of_any_length_end_on_the_sphere(force):
    # A block of 32 projections, each of which shrinks by that much, leaves the range of floats.
    arguments = drawn(6, samples=100, force=force)
    moved = sweep(*arguments, Ball())
    np.testing.assert_allclose(moved, written_out(*arguments, 1.0), rtol=0, atol=1e-14)
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 1.0, rtol=1e-14)


@pytest.mark.parametrize("radius", [1e-100, 0.3, 5e99])
def test_balls_of_any_size(radius):
    arguments = drawn(7, rows=9, samples=70, radius=radius)
    unit = drawn(7, rows=9, samples=70)
    np.testing.assert_allclose(sweep(*arguments, Ball(radius)) / radius, written_out(*unit, 1.0), rtol=0, atol=1e-13)


def test_rows_that_begin_far_outside_are_brought_in_by_the_first_sample():
    X, samples, pushes, group, gain = drawn(8)
    X *= 1e6
    moved = sweep(X, samples, pushes, group, gain, Ball())
    np.testing.assert_allclose(moved, written_out(X, samples, pushes, group, gain, 1.0), rtol=0, atol=1e-13)


@pytest.mark.parametrize("radius", [0.3, 1.0, 7.0])
def test_rows_that_nothing_pushes_stay_to_the_last_bit(radius):
    X, samples, pushes, group, gain = drawn(9, rows=70, samples=90, radius=radius)
    gain[3::2] = 0.0
    moved = sweep(X, samples, pushes, group, gain, Ball(radius))
    np.testing.assert_array_equal(moved[3::2], X[3::2])
    assert (moved[::2] != X[::2]).all()


def test_a_row_moves_alike_alone_and_among_others():
    X, samples, pushes, group, gain = drawn(10, rows=130, samples=70)
    together = sweep(X, samples, pushes, group, gain, Ball())
    for r in (0, 64, 129):
        alone = sweep(X[r : r + 1], samples, pushes, group, gain[r : r + 1], Ball())
        np.testing.assert_allclose(alone[0], together[r], rtol=0, atol=1e-14)


@pytest.mark.parametrize("work", [0, 10**12], ids=["parallel", "serial"])
def test_bytes_do_not_depend_on_who_does_which_rows(monkeypatch, work):
    arguments = drawn(11, rows=300, samples=100, columns=20)
    monkeypatch.setattr("patom.core.jit.PARALLEL_WORK", work)
    expected = sweep(*arguments, Ball()).tobytes()
    for crews in (1, 2, 3, 5):
        monkeypatch.setattr("patom.attacks.patom.numba.get_num_threads", lambda crews=crews: crews)
        assert sweep(*arguments, Ball()).tobytes() == expected


def test_bytes_do_not_depend_on_the_number_of_threads(monkeypatch):
    arguments = drawn(12, rows=300, samples=100, columns=80)
    monkeypatch.setattr("patom.core.jit.PARALLEL_WORK", 0)
    seen = set()
    before = numba.get_num_threads()
    for threads in (1, numba.config.NUMBA_NUM_THREADS):
        numba.set_num_threads(threads)
        for blas in (1, 2):
            with threadpool_limits(blas, user_api="blas"):
                seen.add(sweep(*arguments, Ball()).tobytes())
    numba.set_num_threads(before)
    assert len(seen) == 1
