"""What a shard answers, against the same rows as arrays; whatever the rows' type, order and number of threads."""

import numba
import numpy as np
import pytest
from sharded_problems import LOSSES, draw, shard_of, shuffled, term_of

from patom.core import losses
from patom.core.solvers.sharded import shard as module

every_loss = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
M, P = 60, 6
CLOSE = {"rtol": 1e-12, "atol": 1e-12}


def somewhere(rows=M, seed=1):
    return np.random.default_rng(seed).standard_normal((rows, P))


def with_constant(X, offsets):
    return np.split(np.column_stack([X, np.ones(len(X))]), offsets[1:-1])


def at(shard, W):
    shard.write(0, W)
    return shard.evaluate(0, np.eye(P), np.eye(P))


@every_loss
def test_value_and_gradient(loss):
    X, y, offsets = draw(loss)
    W = somewhere()
    expected, gradient = term_of(X, y, offsets, loss).value_and_gradient(W)
    value, UU, UG, GG = at(shard_of(X, y, offsets, loss), W)
    assert value[0] == pytest.approx(expected, rel=1e-13)
    np.testing.assert_allclose(UU, W.T @ W, **CLOSE)
    np.testing.assert_allclose(UG, W.T @ gradient, **CLOSE)
    np.testing.assert_allclose(GG, gradient.T @ gradient, **CLOSE)


def test_weights_of_low_rank_may_be_kept():
    X, y, offsets = draw(losses.squared_error)
    shard, W, T, B = shard_of(X, y, offsets, losses.squared_error), somewhere(), somewhere(P)[:, :2], somewhere(2)
    shard.write(0, W)
    f = term_of(X, y, offsets, losses.squared_error)
    for kept in (1, 0):
        value, UU, UG, _ = shard.evaluate(0, T, B, kept)
        assert value[0] == pytest.approx(f.value_and_gradient(W @ T @ B)[0], rel=1e-13)
        np.testing.assert_allclose(UU, (W @ T).T @ W @ T, **CLOSE)
        np.testing.assert_allclose(UG, (W @ T).T @ f.value_and_gradient(W @ T @ B)[1], **CLOSE)
        np.testing.assert_allclose(shard.read(kept), W @ T @ B, **CLOSE)
    np.testing.assert_allclose(shard.gram(0)[0], shard.read(0).T @ shard.read(0), **CLOSE)


@every_loss
def test_without_weights(loss):
    X, y, offsets = draw(loss)
    expected = term_of(X, y, offsets, loss).value_and_gradient(np.zeros((M, P)))[0]
    assert shard_of(X, y, offsets, loss).value_without_weights()[0][0] == pytest.approx(expected, rel=1e-13)


def test_largest_curvature():
    X, y, offsets = draw(losses.squared_error)
    largest = max(np.linalg.eigvalsh(part.T @ part / len(part))[-1] for part in with_constant(X, offsets))
    found = shard_of(X, y, offsets, losses.squared_error).largest_curvature()[0][0]
    assert 0.96 * largest <= found <= largest * (1 + 1e-12)


@every_loss
def test_accelerated_steps_are_the_formula(loss):
    X, y, offsets = draw(loss)
    f, shard, W, M_, L = term_of(X, y, offsets, loss), shard_of(X, y, offsets, loss), somewhere(), somewhere(P), 3.0
    shard.write(0, W)
    Y, Z = W, W - f.value_and_gradient(W)[1] / L
    np.testing.assert_allclose(shard.begin(0, 1, 2, L)[0], Z.T @ Z, **CLOSE)
    for push, factors in ((0.0, (M_,)), (0.7, (M_[:, :2], M_[:2])), (0.4, (M_,))):
        ahead = Z @ factors[0] if len(factors) == 1 else Z @ factors[0] @ factors[1]
        uphill = np.vdot(Y - ahead, ahead - W)
        Y = ahead + push * (ahead - W)
        W, Z = ahead, Y - f.value_and_gradient(Y)[1] / L
        gram, told = shard.accelerate(0, 1, 2, factors, push, L)
        np.testing.assert_allclose(gram, Z.T @ Z, **CLOSE)
        assert told[0] == pytest.approx(uphill, rel=1e-10)
        for slot, expected in enumerate((W, Y, Z)):
            np.testing.assert_allclose(shard.read(slot), expected, **CLOSE)


@every_loss
@pytest.mark.parametrize("k", [2, P])
@pytest.mark.parametrize("most", [4, 12], ids=["few rows", "many rows"])
def test_a_sweep_settles_every_task(loss, k, most):
    X, y, offsets = draw(loss, most=most)
    f, shard, A = term_of(X, y, offsets, loss), shard_of(X, y, offsets, loss), somewhere(P)[:, :k]
    shard.write(0, somewhere())
    value, aa, aV, VV, *_ = shard.sweep(A, 0, 1)
    W = shard.read(0)
    expected, gradient = f.value_and_gradient(W)
    a = -gradient @ A  # where grad f(A a) A + a = 0
    np.testing.assert_allclose(W, a @ A.T, rtol=1e-9, atol=1e-10)
    assert value[0] == pytest.approx(expected, rel=1e-11)
    np.testing.assert_allclose(aa, a.T @ a, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(aV, -a.T @ gradient, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(VV, gradient.T @ gradient, rtol=1e-9, atol=1e-9)


@every_loss
@pytest.mark.parametrize("stride", [1, 7])
def test_a_sweep_tells_how_tasks_answer(loss, stride, monkeypatch):
    monkeypatch.setattr(module, "CACHE_NUMBERS", 60)
    X, y, offsets = draw(loss)
    shard, A = shard_of(X, y, offsets, loss), somewhere(P)[:, :4]
    *_, resolvent, square, count = shard.sweep(A, 0, stride)
    hessian, parts = term_of(X, y, offsets, loss).hessian(shard.read(0)), with_constant(X, offsets)[::stride]
    H = np.array([hessian(np.tile(unit, (M, 1))) for unit in np.eye(P)]).transpose(1, 0, 2)[::stride]
    np.testing.assert_allclose(resolvent, np.linalg.inv(np.eye(4) + A.T @ H @ A).sum(axis=0), **CLOSE)
    np.testing.assert_allclose(square, sum(part.T @ part / len(part) for part in parts), **CLOSE)
    assert count[0] == len(parts)


def everything(shard):
    """All answers of a shard, as one list."""
    shard.write(0, somewhere())
    told = [*shard.value_without_weights(), *shard.largest_curvature()]
    told += [*shard.evaluate(0, np.eye(P), np.eye(P)), *shard.begin(0, 1, 2, 3.0)]
    told += [*shard.accelerate(0, 1, 2, (0.1 * np.eye(P),), 0.5, 3.0), *shard.sweep(somewhere(P), 0, 3), shard.read(0)]
    return told


@every_loss
def test_rows_in_any_order(loss):
    X, y, offsets = draw(loss)
    mixed_X, mixed_y, order = shuffled(X, y)
    one, other = shard_of(X, y, offsets, loss), shard_of(mixed_X, mixed_y, offsets, loss, order)
    for first, second in zip(everything(one), everything(other), strict=True):
        np.testing.assert_array_equal(first, second)


@every_loss
def test_float32_rows_are_summed_in_float64(loss):
    X, y, offsets = draw(loss)
    X = X.astype(np.float32)
    one, other = shard_of(X.astype(np.float64), y, offsets, loss), shard_of(X, y, offsets, loss)
    for first, second in zip(everything(one), everything(other), strict=True):
        np.testing.assert_allclose(first, second, **CLOSE)


def test_memory_mapped_rows_that_cannot_be_written(tmp_path):
    X, y, offsets = draw(losses.logistic)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    y.flags.writeable = False
    one, other = shard_of(X, y, offsets, losses.logistic), shard_of(mapped, y, offsets, losses.logistic)
    for first, second in zip(everything(one), everything(other), strict=True):
        np.testing.assert_array_equal(first, second)


@every_loss
def test_the_same_bytes_with_any_number_of_threads(loss, monkeypatch):
    X, y, offsets = draw(loss)
    monkeypatch.setattr(module, "THREAD_NUMBERS", 200)
    monkeypatch.setattr(module, "CACHE_NUMBERS", 60)
    shard, told, before = shard_of(X, y, offsets, loss), [], numba.get_num_threads()
    for threads in {1, before}:
        numba.set_num_threads(threads)
        told.append(everything(shard))
    numba.set_num_threads(before)
    for first, *others in zip(*told, strict=True):
        for other in others:
            np.testing.assert_array_equal(first, other)
    monkeypatch.undo()
    for first, second in zip(told[0], everything(shard_of(X, y, offsets, loss)), strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-11, atol=1e-11)


def test_chunks_cover_all_tasks():
    offsets = np.concatenate([[0], np.cumsum(np.random.default_rng(0).integers(1, 90, 50))])
    for size in (1, 100, 1000, 10**6):
        bounds = module.chunks(offsets, 6, size)
        assert (bounds[0], bounds[-1]) == (0, 50)
        assert (np.diff(bounds) > 0).all()
        work = np.diff(offsets[bounds]) * 5 + np.diff(bounds) * 6
        assert (work < size + (np.diff(offsets).max() + 1) * 6).all()


def test_a_dropped_slot_is_gone():
    shard = shard_of(*draw(losses.squared_error), losses.squared_error)
    shard.write(0, None)
    kept = shard.read(0)
    np.testing.assert_array_equal(kept, 0.0)
    assert shard.drop(0) == ()
    shard.write(0, somewhere())
    np.testing.assert_array_equal(kept, 0.0)
