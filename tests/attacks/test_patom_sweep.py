"""The inner loop: sample by sample with a projection after each, compiled and generic alike."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patom import Ball
from patom.attacks.patom import sweep


@dataclass(frozen=True)
class Disguised:
    """A ball that the sweep does not know for one, so that it goes through ``project``."""

    ball: Ball

    def project(self, X):
        return self.ball.project(X)

    def contains(self, X):
        return self.ball.contains(X)

    def sample(self, n, d, rng):
        return self.ball.sample(n, d, rng)


def drawn(seed, rows=5, samples=30, groups=2, columns=4, force=1.0):
    rng = np.random.default_rng(seed)
    return (
        Ball().sample(rows, columns, rng),
        rng.standard_normal((samples, columns)),
        force * rng.standard_normal(samples),
        rng.integers(0, groups, samples),
        rng.standard_normal((rows, groups)),
    )


def test_two_samples_by_hand():
    X, samples = np.array([[0.6, 0.0]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    # First to 0.6 + 2 x 0.7 = 2, put back to 1; then up by 0.5 x 0.7, which leads to (1, 0.35) and back again.
    moved = sweep(X, samples, np.array([2.0, 0.5]), np.zeros(2, dtype=np.int64), np.array([[0.7]]), Ball())
    np.testing.assert_allclose(moved, np.array([[1.0, 0.35]]) / np.hypot(1.0, 0.35), atol=1e-15)
    np.testing.assert_array_equal(X, [[0.6, 0.0]])


def test_each_sample_takes_the_gain_of_its_group():
    samples, pushes, group = np.eye(3), np.ones(3), np.array([1, 0, 1])
    gain = np.array([[0.1, 0.2], [0.3, 0.4]])
    moved = sweep(np.zeros((2, 3)), samples, pushes, group, gain, Ball())
    np.testing.assert_allclose(moved, [[0.2, 0.1, 0.2], [0.4, 0.3, 0.4]], atol=1e-15)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    rows=st.integers(1, 6),
    samples=st.integers(1, 40),
    columns=st.integers(1, 9),
    force=st.sampled_from([1e-3, 0.1, 1.0, 100.0]),
    radius=st.sampled_from([0.1, 1.0, 7.0]),
)
def test_compiled_and_generic_sweeps_agree(seed, rows, samples, columns, force, radius):
    arguments = drawn(seed, rows, samples, 3, columns, force)
    compiled = sweep(*arguments, Ball(radius))
    np.testing.assert_allclose(compiled, sweep(*arguments, Disguised(Ball(radius))), rtol=0, atol=1e-11 * radius)
    assert Ball(radius).contains(compiled).all()


@pytest.mark.slow
def test_parallel_and_serial_sweeps_agree(monkeypatch):
    arguments = drawn(3, rows=7)
    serial = sweep(*arguments, Ball())
    monkeypatch.setattr("patom.core.jit.PARALLEL_WORK", 0)
    np.testing.assert_allclose(sweep(*arguments, Ball()), serial, rtol=0, atol=1e-13)


@pytest.mark.parametrize("region", [Ball(), Disguised(Ball())], ids=["compiled", "generic"])
def test_projecting_once_at_the_end_is_another_algorithm(region):
    X, samples, pushes, group, gain = drawn(0)
    accumulated = region.project(X + np.einsum("q,rq,qc->rc", pushes, gain[:, group], samples))
    step_by_step = sweep(X, samples, pushes, group, gain, region)
    assert np.abs(step_by_step - accumulated).max() > 0.1
    backwards = sweep(X, samples[::-1], pushes[::-1], group[::-1], gain, region)
    assert np.abs(step_by_step - backwards).max() > 0.1


@pytest.mark.parametrize("region", [Ball(1e6), Disguised(Ball(1e6))], ids=["compiled", "generic"])
def test_without_projections_the_order_does_not_matter(region):
    X, samples, pushes, group, gain = drawn(1)
    accumulated = X + np.einsum("q,rq,qc->rc", pushes, gain[:, group], samples)
    np.testing.assert_allclose(sweep(X, samples, pushes, group, gain, region), accumulated, atol=1e-12)


def test_arrays_in_any_memory_order():
    X, samples, pushes, group, gain = drawn(2)
    expected = sweep(X, samples, pushes, group, gain, Ball())
    strided = sweep(np.asfortranarray(X), np.repeat(samples, 2, axis=1)[:, ::2], pushes, group, gain, Ball())
    np.testing.assert_array_equal(strided, expected)
