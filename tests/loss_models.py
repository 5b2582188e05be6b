"""Every loss with the estimator that offers it."""

from patom import MTRLClassifier, MTRLRegressor
from patom.core import losses

LOSSES = {
    "squared_error": (MTRLRegressor, losses.squared_error),
    "huber": (MTRLRegressor, losses.huber(1.0)),
    "squared_hinge": (MTRLClassifier, losses.squared_hinge),
    "logistic": (MTRLClassifier, losses.logistic),
    "unclipped_hinge": (MTRLClassifier, losses.unclipped_hinge),
}
