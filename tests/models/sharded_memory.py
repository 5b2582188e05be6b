"""Run by itself: peak memory of a fit and a predict beyond what was there before, in arrays of shape (m, d)."""

import resource

import numpy as np

from patom import MTRLRegressor

M, N_ROWS, D = 30_000, 20, 50


def peak():
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def draw(m, rng):
    X = np.empty((m * N_ROWS, D))
    for part in np.array_split(X, 50):
        part[:] = rng.standard_normal(part.shape)
    return X, X @ rng.standard_normal(D) + 0.1 * rng.standard_normal(len(X)), np.repeat(np.arange(m), N_ROWS)


def main():
    rng = np.random.default_rng(0)
    for lambdas in (0.1, 1e-3):  # compiles, both ways
        small = draw(4000, rng)
        MTRLRegressor(lambdas, lambdas).fit(*small[:2], task=small[2]).predict(small[0], task=small[2])
    X, y, task = draw(M, rng)
    before = peak()
    model = MTRLRegressor(1e-2, 1e-2).fit(X, y, task=task)
    fitted = peak()
    model.predict(X, task=task)
    print((fitted - before) / (8 * M * D), (peak() - before) / (8 * M * D))  # noqa: T201


if __name__ == "__main__":
    main()
