"""Which classifiers have class probabilities: those whose weights are of a fit with the logistic loss."""

from typing import Any


def has_probabilities(model: Any) -> bool:
    """True for a fit with the logistic loss or, before ``fit``, where it is set; for ``available_if``.

    Raises
    ------
    AttributeError
        With a sentence that says which loss was fitted.
    """
    fitted = vars(model).get("_fitted_loss", model.loss)  # models stored by 0.2.0 have what they were fitted with
    if fitted == "logistic":
        return True
    again = "; fit it again" if model.loss == "logistic" else ""
    raise AttributeError(
        f"predict_proba of {type(model).__name__} needs loss='logistic', whose margins are log odds; this one has "
        f"loss={fitted!r}{again}."
    )
