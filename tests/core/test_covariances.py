"""Each given covariance against its method's penalty, summed as the paper sums it."""

import numpy as np
import pytest

from patom import cluster_covariance, graph_covariance, independent_covariance, mean_regularised_covariance

M = 6
CLUSTERS = np.array([1, 0, 1, 2, 0, 1])


@pytest.fixture(name="W")
def weights_of_tasks():
    """Weights of M tasks, one row a task, three draws."""
    return np.random.default_rng(0).standard_normal((3, M, 4))


@pytest.fixture
def adjacency():
    A = np.triu(np.random.default_rng(1).uniform(0, 2, (M, M)) * (np.random.default_rng(2).random((M, M)) < 0.5), 1)
    return A + A.T


def squares(V):
    return (V**2).sum(axis=-1)


def require_proportional(omega, W, written):
    """tr(W' Omega^-1 W) is the written sum times one factor, the one that makes tr(Omega) = 1."""
    np.testing.assert_allclose(omega, omega.T)
    assert np.trace(omega) == pytest.approx(1.0)
    assert np.linalg.eigvalsh(omega)[0] > 0.0
    ratios = [np.trace(V.T @ np.linalg.inv(omega) @ V) / written(V) for V in W]
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-10)


def test_independent(W):
    require_proportional(independent_covariance(M), W, lambda V: squares(V).sum())
    assert np.trace(W[0].T @ np.linalg.inv(independent_covariance(M)) @ W[0]) == pytest.approx(M * (W[0] ** 2).sum())


@pytest.mark.parametrize("similarity", [0.0, 0.3, 50.0])
def test_mean_regularised(W, similarity):
    def written(V):
        return squares(V).sum() + similarity * squares(V - V.mean(axis=0)).sum()

    require_proportional(mean_regularised_covariance(M, similarity), W, written)


@pytest.mark.parametrize("similarity", [0.0, 0.3, 50.0])
def test_graph(W, adjacency, similarity):
    def written(V):
        pairs = sum(adjacency[i, j] * squares(V[i] - V[j]) for i in range(M) for j in range(M))
        return squares(V).sum() + similarity / 2 * pairs

    require_proportional(graph_covariance(adjacency, similarity), W, written)


@pytest.mark.parametrize("weights", [(0.1, 1.0, 10.0), (1.0, 1.0, 1.0), (2.0, 0.5, 0.1)])
def test_cluster(W, weights):
    def written(V):
        mean, between, within = M * squares(V.mean(axis=0)), 0.0, 0.0
        for cluster in range(3):
            members = V[cluster == CLUSTERS]
            between += len(members) * squares(members.mean(axis=0) - V.mean(axis=0))
            within += squares(members - members.mean(axis=0)).sum()
        return weights[0] * mean + weights[1] * between + weights[2] * within

    keywords = dict(zip(("mean", "between", "within"), weights, strict=True))
    require_proportional(cluster_covariance(CLUSTERS, **keywords), W, written)


def test_special_cases_of_each_other():
    np.testing.assert_allclose(mean_regularised_covariance(M, 0.0), independent_covariance(M))
    np.testing.assert_allclose(graph_covariance(np.zeros((M, M))), independent_covariance(M))
    complete = np.ones((M, M)) - np.eye(M)  # sum over pairs = m times the spread about the mean
    np.testing.assert_allclose(graph_covariance(complete, 0.5), mean_regularised_covariance(M, 0.5 * M))
    np.testing.assert_allclose(cluster_covariance(CLUSTERS, mean=1, between=1, within=1), independent_covariance(M))


def test_cluster_labels_of_any_kind():
    named = np.array(["a", "b", "c"])[CLUSTERS]
    np.testing.assert_array_equal(cluster_covariance(named), cluster_covariance(CLUSTERS))


@pytest.mark.parametrize(
    "adjacency",
    [
        [[0, 1], [2, 0]],
        [[0, -1], [-1, 0]],
        [[0, 1, 0], [1, 0, 1]],
        [0, 1],
        [[0, np.nan], [np.nan, 0]],
        [[0, np.inf], [np.inf, 0]],
    ],
    ids=["asymmetric", "negative", "not square", "a vector", "NaN", "infinity"],
)
def test_a_bad_adjacency_is_refused(adjacency):
    with pytest.raises(ValueError, match=r"adjacency must be a symmetric \(m, m\) array of weights >= 0"):
        graph_covariance(adjacency)


@pytest.mark.parametrize("similarity", [-0.1, np.nan, np.inf])
def test_a_negative_similarity_is_refused(similarity):
    with pytest.raises(ValueError, match="similarity must be finite and at least 0; got"):
        mean_regularised_covariance(3, similarity)
    with pytest.raises(ValueError, match="similarity must be finite and at least 0; got"):
        graph_covariance(np.zeros((3, 3)), similarity)


@pytest.mark.parametrize("weight", [0.0, -1.0, np.nan, np.inf])
@pytest.mark.parametrize("name", ["mean", "between", "within"])
def test_cluster_weights_must_be_positive(name, weight):
    with pytest.raises(ValueError, match="mean, between and within must be positive"):
        cluster_covariance([0, 1], **{name: weight})
