"""How task labels, and weights, reach the parts of an estimator: scikit-learn's metadata routing, all requests made."""

from collections.abc import Iterator
from typing import Any

from sklearn import config_context
from sklearn.utils.metadata_routing import MetadataRouter, get_routing_for_object

ROUTED_METHODS = ("fit", "transform", "predict", "predict_proba", "decision_function", "score")


def request_task(estimator: Any) -> Any:
    """Make every part of the estimator that takes ``task`` request it, and weights, unless it says otherwise itself.

    Parts without a task, such as a scaler, take no weights unless they ask for them, as outside of metadata routing.
    The parts are clones that belong to `TaskColumn`, so nothing of the user's changes. Requests can only be
    set while routing is enabled; they have no effect where it isn't.

    Raises
    ------
    TypeError
        Where no part's ``fit`` takes ``task``, or it cannot reach ``predict``, as inside of a search.
    """
    takes_task = False
    for part in _parts(estimator):
        for method in ROUTED_METHODS:
            wanted = _requests(part, method)
            takes_task = takes_task or (method == "fit" and "task" in wanted)
            unsaid = {name: "task" in wanted for name in ("task", "sample_weight") if wanted.get(name, name) is None}
            if unsaid:
                with config_context(enable_metadata_routing=True):
                    getattr(part, f"set_{method}_request")(**unsaid)
    if not takes_task:
        raise TypeError(
            f"TaskColumn: no fit in {type(estimator).__name__} takes task=; wrap an estimator that does, "
            "such as MTRLRegressor or MTRLClassifier"
        )
    with config_context(enable_metadata_routing=True):
        routing = get_routing_for_object(estimator)
        lost = isinstance(routing, MetadataRouter) and not routing.consumes("predict", ["task"])
        if lost and routing.consumes("fit", ["task"]):
            name = type(_last_step(estimator)).__name__
            raise TypeError(
                f"TaskColumn: {name} cannot pass task= on to predict; put TaskColumn inside of it instead, as in "
                f"{name}(TaskColumn(MTRLRegressor()), ...)"
            )
    return estimator


def require_weighted(estimator: Any) -> None:
    """Refuse weights where the fit that they are meant for takes none; one that declines them has its way.

    Raises
    ------
    TypeError
        With the name of the estimator, the last step of a pipeline.
    """
    last = _last_step(estimator)
    with config_context(enable_metadata_routing=True):
        taken = get_routing_for_object(last).consumes("fit", ["sample_weight"])
    if not taken and "sample_weight" not in _requests(last, "fit"):
        raise TypeError(
            f"TaskColumn: {type(last).__name__}.fit takes no sample_weight, so all rows would count alike; leave the "
            "weights out or wrap an estimator that takes them, such as MTRLRegressor"
        )


def _parts(estimator: Any) -> Iterator[Any]:
    for part in (estimator, *estimator.get_params(deep=True).values()):
        if hasattr(part, "get_metadata_routing") and not isinstance(part, type):
            yield part


def _requests(part: Any, method: str) -> dict[str, Any]:
    """What the part itself takes, each with its request; nothing for what only routes."""
    requests: dict[str, Any] = getattr(getattr(get_routing_for_object(part), method, None), "requests", {})
    return requests


def _last_step(estimator: Any) -> Any:
    while getattr(estimator, "steps", None):
        estimator = estimator.steps[-1][1]
    return estimator
