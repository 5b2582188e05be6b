"""A defended model as lines to paste: from the user's raw rows to predictions in the user's units."""

from typing import Any

from patom.defenses import Chain, Sanitised

_MODULES = {
    "TransformedTargetRegressor": "sklearn.compose",
    "VarianceThreshold": "sklearn.feature_selection",
    "make_pipeline": "sklearn.pipeline",
    "StandardScaler": "sklearn.preprocessing",
    "MTRLClassifier": "patom",
    "MTRLRegressor": "patom",
    "MaxNormScaler": "patom.models",
}


def written(model: Sanitised, *, standardise: bool, regression: bool) -> str:
    """The lines that build and fit a defended model, with the scaling that an audit's rows have gone through.

    X, y and task are the user's rows as they are: constant columns go, the others are standardised if the audit did so,
    the target of a regression with them, and divided by the largest norm of a row.

    Examples
    --------
    >>> from patom import MTRLClassifier
    >>> from patom.defenses import Clip
    >>> print(written(Sanitised(MTRLClassifier(0.01, 0.1), Clip(quantile=0.7)), standardise=False, regression=False))
    from patom import MTRLClassifier
    from patom.defenses import Clip, Sanitised
    from patom.models import MaxNormScaler
    from sklearn.feature_selection import VarianceThreshold
    from sklearn.pipeline import make_pipeline
    <BLANKLINE>
    model = make_pipeline(
        VarianceThreshold(),
        MaxNormScaler(),
        Sanitised(MTRLClassifier(lambda_1=0.01), Clip(quantile=0.7)),
    )
    model.fit(X, y, sanitised__task=task)
    # then: model.predict(X_new, task=task_new)
    """
    scaling = ["VarianceThreshold", *(["StandardScaler"] if standardise else []), "MaxNormScaler"]
    steps = [*(f"{name}()" for name in scaling), f"Sanitised({_written(model.estimator)}, {_written(model.sanitiser)})"]
    lines = ["make_pipeline(", *(f"    {step}," for step in steps), ")"]
    names = {*scaling, "make_pipeline", "Sanitised", type(model.estimator).__name__, *_filters(model.sanitiser)}
    if standardise and regression:
        inside = [f"    {line}" for line in lines]
        lines = ["TransformedTargetRegressor(", *inside[:-1], "    ),", "    transformer=StandardScaler(),", ")"]
        names.add("TransformedTargetRegressor")
    lines[0] = f"model = {lines[0]}"
    last = ["model.fit(X, y, sanitised__task=task)", "# then: model.predict(X_new, task=task_new)"]
    return "\n".join([*_imports(names), "", *lines, *last])


def _imports(names: set[str]) -> list[str]:
    homes: dict[str, list[str]] = {}
    for name in sorted(names):
        homes.setdefault(_MODULES.get(name, "patom.defenses"), []).append(name)
    return [f"from {home} import {', '.join(homes[home])}" for home in sorted(homes)]


def _filters(sanitiser: Any) -> set[str]:
    steps = sanitiser.steps if isinstance(sanitiser, Chain) else []
    return {type(part).__name__ for part in (sanitiser, *steps)}


def _written(estimator: Any) -> str:
    """An estimator as code, with the settings that differ from the defaults."""
    if isinstance(estimator, Chain):
        return f"Chain([{', '.join(_written(step) for step in estimator.steps)}])"
    default = type(estimator)().get_params()  # all have defaults for all settings
    changed = {name: value for name, value in estimator.get_params().items() if value != default[name]}
    return f"{type(estimator).__name__}({', '.join(f'{name}={value!r}' for name, value in changed.items())})"
