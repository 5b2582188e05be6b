"""Defenses under the worst attack of the curves, over its replicates, by attackers who know them and who do not."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from patom.attacks.program import MTRL
from patom.audit import summary
from patom.audit.cells import Effect, aims, clean_decision, on_curve, run_cell, victim
from patom.audit.data import AuditData
from patom.audit.levels import COST_LIMIT, objection, recommended
from patom.audit.selection import select_lambdas
from patom.audit.settings import AuditSettings
from patom.audit.work import Work
from patom.core.arrays import FloatArray
from patom.defenses import Chain, Clip, Sanitised
from patom.evaluate.defended import FilterName, Victim, defended
from patom.evaluate.trial import decide, quiet
from patom.intervals import prevented, varied_interval
from patom.metrics import relative_damage
from patom.results.audit import Metric, Point, Remedies, Remedy
from patom.results.methods import AttackName, Method

N_REMEDIES = 4
HUBER_DELTA = 0.1
"""In standard deviations of the target, which an audit works in."""
_FRACTION = 0.1  # of the rows that each filter drops


_MODULES = {
    "TransformedTargetRegressor": "sklearn.compose",
    "VarianceThreshold": "sklearn.feature_selection",
    "make_pipeline": "sklearn.pipeline",
    "StandardScaler": "sklearn.preprocessing",
    "MTRLClassifier": "patom",
    "MTRLRegressor": "patom",
    "MaxNormScaler": "patom.models",
}


@dataclass(frozen=True)
class Candidate:
    """A defense to try: its name, the victim with it, and the lines that turn it on from the user's raw rows."""

    label: str
    victim: Victim
    code: str


@dataclass(frozen=True)
class Tried:
    """One attack against one remedy; ``faced`` is the same attack on the model without a defense.

    ``decisions`` are predictions without an attack, under the rows planned against the model without a defense (naive)
    and under rows planned against the defense (known); ``scores`` their metric over the target tasks.
    """

    remedy: int
    faced: Effect
    decisions: tuple[FloatArray, FloatArray, FloatArray]
    scores: tuple[float, float, float]

    def losses(self, metric: str) -> list[float]:
        """Undefended clean and attacked; defended clean, naive and known, where smaller is better.

        An attacker who knows the defense may still use the rows that were planned without it.
        """
        found = [self.faced.clean, self.faced.attacked, *self.scores]
        losses = found if metric == "NMSE" else [1.0 - score for score in found]
        return [*losses[:4], float(np.fmax(losses[3], losses[4]))]


def helped(
    work: Work, settings: AuditSettings, model: MTRL, effects: Sequence[Effect], worst: Point | None
) -> Remedies | None:
    """Each remedy under the curves' optimised attack of the worst one's reach and budget, over its replicates.

    Says which is recommended, if any. None where nothing could be measured. ``worst`` is the verdict's, ``model`` the
    one under audit. Costs ``N_REMEDIES`` quick attacks a replicate, a thorough one on each defense that they do not
    break, and a cross-validation on clipped rows.
    """
    if worst is None:
        work.advance(N_REMEDIES * settings.n_seeds)
        return None
    attack = AttackName(Method(settings.attack), worst.attack.reach)
    faced = on_curve(effects, attack, worst.budget)
    tried = remedies(work.data.of_replicate(0), settings, model, n_jobs=work.n_jobs)
    jobs = (
        (one.cell.replicate, partial(_try, settings=settings, tried=tried, k=k, faced=one))
        for one in faced
        for k in range(len(tried))
    )
    found = list(work.on_splits(jobs))
    work.advance(N_REMEDIES * (settings.n_seeds - len(faced)))  # replicates whose tasks are too small for that budget
    twins = _twins(found)
    measured = {
        k: _measured(work.data.metric, settings, candidate, [one for one in found if one.remedy == k])
        for k, candidate in enumerate(tried)
        if k not in twins
    }
    if Method(settings.attack) is Method.ASCENT:
        holding = [one for one in found if one.remedy in measured and not measured[one.remedy].objection]
        again = _followed_up(work, settings, tried, holding)
        for k in {one.remedy for one in holding}:
            measured[k] = _measured(work.data.metric, settings, tried[k], [one for one in again if one.remedy == k])
    best, reason = recommended(list(measured.values()))
    return Remedies(
        attack=attack,
        label=summary.label(attack),
        budget=worst.budget,
        clean=varied_interval((one.clean for one in faced), settings.confidence),
        attacked=varied_interval((one.attacked for one in faced), settings.confidence),
        remedies=list(measured.values()),
        recommended=best,
        reason=reason,
        cost_limit=COST_LIMIT,
        notes=[
            f'"{tried[k].label}" is left out, as it gives the same as "{tried[first].label}" on every test row.'
            for k, first in twins.items()
        ],
    )


def _twins(found: Sequence[Tried]) -> dict[int, int]:
    """Defenses that gave all the predictions of an earlier one, as where a filter drops nothing; and that one."""
    answers: dict[int, list[FloatArray]] = {}
    for one in found:
        answers.setdefault(one.remedy, []).extend(one.decisions)
    first: dict[bytes, int] = {}
    met = {k: first.setdefault(b"".join(part.tobytes() for part in parts), k) for k, parts in answers.items()}
    return {k: earlier for k, earlier in met.items() if earlier != k}


def remedies(data: AuditData, settings: AuditSettings, model: MTRL, *, n_jobs: int) -> list[Candidate]:
    """Clipping that suits the kind of target, alone, with stronger penalties and with ``Slab``; the classics."""
    classes = data.kind == "classification"
    metric = "euclidean" if classes else "whitened"
    lambdas = _lambdas(data, settings, Clip(metric=metric), n_jobs=n_jobs)
    label = "far rows pulled in, flooded classes thinned" if classes else "far rows pulled in, Huber loss"
    clip: tuple[FilterName, ...] = ("clip", "shares") if classes else ("clip",)

    def learner(times: float) -> MTRL:
        made = victim(data, settings, *(times * value for value in lambdas))
        return made if classes else made.set_params(loss="huber", huber_delta=HUBER_DELTA)

    def candidate(name: str, inside: MTRL, *filters: FilterName) -> Candidate:
        victim = defended(inside, filters=filters, fraction=_FRACTION, metric=metric)
        code = written(victim.model, standardise=data.about.scale.standardised, regression=not classes)
        return Candidate(name, victim, code)

    return [
        candidate(label, learner(1.0), *clip),
        candidate(f"{label}, penalties ten times as strong", learner(10.0), *clip),
        candidate(f"{label}, odd rows along the target dropped", learner(1.0), *clip, "slab"),
        candidate("odd rows dropped", model, "sphere", "slab"),
    ]


def _lambdas(data: AuditData, settings: AuditSettings, clip: Clip, *, n_jobs: int) -> tuple[float, float]:
    """Chosen on the clipped rows as the model's were on the rows, or the given ones on the clipped rows' scale.

    Once for all replicates, on the first one's training rows.
    """
    clipped = np.asarray(clip.keep(data.X_train, data.y_train, data.task_train).X)
    if settings.lambda_1 is not None and settings.lambda_2 is not None:
        middle = np.median(data.X_train, axis=0)
        scale = float(np.square(clipped - middle).sum() / (np.square(data.X_train - middle).sum() or 1.0))
        return settings.lambda_1 * scale, settings.lambda_2 * scale
    chosen = select_lambdas(replace(data, X_train=clipped), settings, n_jobs=n_jobs)
    return chosen.lambda_1, chosen.lambda_2


def _try(split: AuditData, settings: AuditSettings, tried: list[Candidate], k: int, faced: Effect) -> Tried:
    defended, rows = tried[k].victim, faced.trial.result
    clean = clean_decision(split, defended.model)
    with quiet():
        replayed = rows.refit(defended.model, *split.train)
    naive = decide(replayed, split.kind, split.test)
    known = _known(split, settings, defended, faced, thorough=False)
    decisions, target = (clean, naive, known), split.mask(faced.cell.targets)
    clean_score, naive_score, known_score = (split.score(decision, target) for decision in decisions)
    return Tried(k, faced, decisions, (clean_score, naive_score, known_score))


def _known(split: AuditData, settings: AuditSettings, defended: Victim, faced: Effect, *, thorough: bool) -> FloatArray:
    """Predictions under the worst of the attacks, one an aim, that are planned against the defense."""
    target, better = split.mask(faced.cell.targets), max if split.metric == "NMSE" else min
    cell = faced.cell
    found = [run_cell(split, settings, defended, cell, aim, thorough=thorough).decision for aim in aims(split, cell)]
    return better(found, key=lambda decision: split.score(decision, target))


def _followed_up(work: Work, settings: AuditSettings, tried: list[Candidate], holding: list[Tried]) -> list[Tried]:
    """The attacks on defenses that quick ones did not break, after thorough ones; the worse of two counts."""
    work.announce(len(holding))
    run = partial(_again, settings=settings, tried=tried)
    return list(work.on_splits((one.faced.cell.replicate, partial(run, one=one)) for one in holding))


def _again(split: AuditData, settings: AuditSettings, tried: list[Candidate], one: Tried) -> Tried:
    known = _known(split, settings, tried[one.remedy].victim, one.faced, thorough=True)
    score = split.score(known, split.mask(one.faced.cell.targets))
    clean, naive, before = one.scores
    worse = score > before if split.metric == "NMSE" else score < before
    return replace(one, decisions=(*one.decisions[:2], known), scores=(clean, naive, score)) if worse else one


def _measured(metric: Metric, settings: AuditSettings, candidate: Candidate, tried: Sequence[Tried]) -> Remedy:
    """Levels, cost, and the share of the damage that the defense prevents, over seeds."""
    losses = np.array([one.losses(metric) for one in tried])
    undefended, attacked, defended, _, known = losses.T
    levels = losses.T if metric == "NMSE" else 1.0 - losses.T
    costs = [relative_damage(was, now, metric) for was, now in zip(levels[0], levels[2], strict=True)]
    cost = varied_interval(costs, settings.confidence)
    clean_level, naive, under = (varied_interval(levels[k], settings.confidence) for k in (2, 3, 4))
    left = (known - np.minimum(undefended, defended)).tolist()
    share = prevented(left, (attacked - undefended).tolist(), settings.confidence, varied=True)
    return Remedy(
        label=candidate.label,
        code=candidate.code,
        clean=clean_level,
        naive=naive,
        known=under,
        cost=cost,
        prevented=share,
        objection=objection(share, cost, under, metric),
    )


def written(model: Sanitised, *, standardise: bool, regression: bool) -> str:
    """The lines that build and fit a defended model, with the scaling that an audit's rows have gone through.

    X, y and task are the user's rows as they are: constant columns go, the others are standardised if the audit did so,
    the target of a regression with them, and divided by the largest norm of a row.

    >>> from patom import MTRLClassifier
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
