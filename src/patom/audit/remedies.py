"""What would help: defenses of this package put before the worst attack, by an attacker who knows them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from joblib import delayed

from patom.attacks.program import MTRL
from patom.audit import summary
from patom.audit.cells import Cell, Outcome, decide, fit_quietly, run_cell, victim
from patom.audit.code import written
from patom.audit.data import AuditData
from patom.audit.draws import by_seed
from patom.audit.levels import COST_LIMIT, objection, recommended
from patom.audit.selection import select_lambdas
from patom.audit.settings import AuditSettings
from patom.core.arrays import BoolArray, FloatArray
from patom.defenses import Chain, Clip, Sanitised, Sanitiser, Shares, Slab, Sphere
from patom.intervals import kept_off, varied_interval
from patom.metrics import relative_damage
from patom.results.audit import Point, Remedies, Remedy
from patom.results.methods import AttackName, Method
from patom.results.parts import Interval
from patom.workers import in_order

N_REMEDIES = 4
HUBER_DELTA = 0.1
"""In standard deviations of the target, which an audit works in."""
_FRACTION = 0.1  # of the rows that each filter drops


@dataclass(frozen=True)
class Candidate:
    """A defense to try.

    Parameters
    ----------
    label : str
    model : Sanitised
        The victim with it, unfitted.
    code : str
        The lines that turn it on, from the user's raw rows.
    """

    label: str
    model: Sanitised
    code: str


@dataclass(frozen=True)
class Tried:
    """One attack against one remedy: test predictions clean, under who does not know it and under who does."""

    remedy: int
    cell: Cell
    clean: FloatArray
    naive: FloatArray
    known: FloatArray


def helped(
    data: AuditData,
    settings: AuditSettings,
    model: MTRL,
    clean: Sequence[FloatArray],
    outcomes: Sequence[Outcome],
    worst: Point | None,
    *,
    n_jobs: int,
    advance: Callable[[], None],
) -> Remedies | None:
    """Each remedy under the curves' optimised attack of the worst one's reach and budget, over its seeds.

    Says which is recommended, if any. None where nothing could be measured. Costs ``N_REMEDIES`` attacks a seed, and a
    cross-validation on clipped rows.

    Parameters
    ----------
    model : MTRLRegressor or MTRLClassifier
        The model under audit.
    clean : sequence of arrays of shape (n_test,)
        Its predictions or margins without an attack, of each seed's test rows.
    worst : Point
        The verdict's attack and budget.
    """
    if worst is None:
        for _ in range(N_REMEDIES * settings.n_seeds):
            advance()
        return None
    attack = AttackName(Method(settings.attack), worst.attack.reach)
    faced = [item for item in outcomes if _is(item.cell, attack, worst.budget)]
    tried = remedies(data.of_seed(0), settings, model, n_jobs=n_jobs)
    pairs = by_seed(data, faced, lambda item: item.cell.replicate)
    jobs = (delayed(_try)(split, settings, tried, k, item) for split, item in pairs for k in range(len(tried)))
    found = []
    for one in in_order(jobs, n_jobs):
        found.append(one)
        advance()
    for _ in range(N_REMEDIES * (settings.n_seeds - len(faced))):  # seeds whose tasks are too small for that budget
        advance()
    before = {item.cell.replicate: item for item in faced}
    twins = _twins(found)
    measured = [
        _measured(data, settings, remedy, clean, before, [one for one in found if one.remedy == k])
        for k, remedy in enumerate(tried)
        if k not in twins
    ]
    advised = recommended(measured)
    return Remedies(
        attack=attack,
        label=summary.label(attack),
        budget=worst.budget,
        clean=_over_seeds(data, settings, [(item.cell, clean[item.cell.replicate]) for item in faced]),
        attacked=_over_seeds(data, settings, [(item.cell, item.decision) for item in faced]),
        remedies=measured,
        recommended=advised.recommended,
        reason=advised.reason,
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
        answers.setdefault(one.remedy, []).extend((one.clean, one.naive, one.known))
    first: dict[bytes, int] = {}
    met = {k: first.setdefault(b"".join(part.tobytes() for part in parts), k) for k, parts in answers.items()}
    return {k: earlier for k, earlier in met.items() if earlier != k}


def remedies(data: AuditData, settings: AuditSettings, model: MTRL, *, n_jobs: int) -> list[Candidate]:
    """Clipping with what suits the kind of target, alone, with stronger penalties and with ``Slab``; the classics."""
    classes = data.kind == "classification"
    clip = Clip() if classes else Clip(metric="whitened")
    lambdas = _lambdas(data, settings, clip, n_jobs=n_jobs)
    label = "far rows pulled in, flooded classes thinned" if classes else "far rows pulled in, Huber loss"
    steps: list[Sanitiser] = [clip, Shares()] if classes else [clip]

    def learner(times: float) -> MTRL:
        made = victim(data, settings, *(times * value for value in lambdas))
        return made if classes else made.set_params(loss="huber", huber_delta=HUBER_DELTA)

    made = [
        (label, Sanitised(learner(1.0), _chained(steps))),
        (f"{label}, penalties ten times as strong", Sanitised(learner(10.0), _chained(steps))),
        (
            f"{label}, odd rows along the target dropped",
            Sanitised(learner(1.0), _chained([*steps, Slab(_FRACTION)])),
        ),
        ("odd rows dropped", Sanitised(model, _chained([Sphere(_FRACTION), Slab(_FRACTION)]))),
    ]
    as_audited = {"standardise": bool(data.about["scale"]["standardised"]), "regression": not classes}
    return [Candidate(called, defended, written(defended, **as_audited)) for called, defended in made]


def _chained(steps: list[Sanitiser]) -> Sanitiser:
    return steps[0] if len(steps) == 1 else Chain(steps)


def _lambdas(data: AuditData, settings: AuditSettings, clip: Clip, *, n_jobs: int) -> tuple[float, float]:
    """Chosen on the clipped rows as the model's were on the rows, or the given ones on the clipped rows' scale.

    Once for all seeds, on the first one's training rows.
    """
    clipped = np.asarray(clip.keep(data.X_train, data.y_train, data.task_train).X)
    if settings.lambda_1 is not None and settings.lambda_2 is not None:
        middle = np.median(data.X_train, axis=0)
        scale = float(np.square(clipped - middle).sum() / (np.square(data.X_train - middle).sum() or 1.0))
        return settings.lambda_1 * scale, settings.lambda_2 * scale
    chosen = select_lambdas(replace(data, X_train=clipped), settings, n_jobs=n_jobs, advance=lambda: None)
    return chosen.lambda_1, chosen.lambda_2


def _try(data: AuditData, settings: AuditSettings, tried: list[Candidate], k: int, faced: Outcome) -> Tried:
    model, rows = tried[k].model, faced.result
    clean = decide(fit_quietly(model, data.X_train, data.y_train, data.task_train), data)
    replayed = fit_quietly(
        model,
        np.concatenate([data.X_train, rows.X]),
        np.concatenate([data.y_train, rows.y]),
        np.concatenate([data.task_train, rows.task]),
    )
    naive = decide(replayed, data)
    return Tried(k, faced.cell, clean, naive, run_cell(data, settings, model, faced.cell, ()).decision)


def _measured(
    data: AuditData,
    settings: AuditSettings,
    remedy: Candidate,
    clean: Sequence[FloatArray],
    before: Mapping[int, Outcome],
    tried: Sequence[Tried],
) -> Remedy:
    """Levels, cost, and the share of the damage kept off, over seeds; who knows a remedy may do what the naive does."""
    pairs = by_seed(data, tried, lambda one: one.cell.replicate)
    seeds = ((split, one, one.cell.replicate) for split, one in pairs)
    losses = np.array([_losses(split, clean[seed], before[seed], one) for split, one, seed in seeds])
    undefended, attacked, defended, _, known = losses.T
    levels = losses.T if data.metric == "NMSE" else 1.0 - losses.T
    costs = [relative_damage(was, now, data.metric) for was, now in zip(levels[0], levels[2], strict=True)]
    cost = varied_interval(costs, settings.confidence)
    clean_level, naive, under = (varied_interval(levels[k], settings.confidence) for k in (2, 3, 4))
    left = (known - np.minimum(undefended, defended)).tolist()
    share = kept_off(left, (attacked - undefended).tolist(), settings.confidence, varied=True)
    return Remedy(
        label=remedy.label,
        code=remedy.code,
        clean=clean_level,
        naive=naive,
        known=under,
        cost=cost,
        kept_off=share,
        objection=objection(share, cost, under, data.metric),
    )


def _over_seeds(data: AuditData, settings: AuditSettings, found: Sequence[tuple[Cell, FloatArray]]) -> Interval:
    """The metric of the target tasks."""
    pairs = by_seed(data, found, lambda pair: pair[0].replicate)
    scores = (split.score(decision, _aimed(data, cell)) for split, (cell, decision) in pairs)
    return varied_interval(scores, settings.confidence)


def _aimed(data: AuditData, cell: Cell) -> BoolArray:
    return np.isin(np.arange(data.tasks.size), cell.targets)


def _losses(data: AuditData, clean: FloatArray, faced: Outcome, one: Tried) -> list[float]:
    """Undefended clean and attacked, defended clean, and attacked by who does not know it and by who does."""
    target = _aimed(data, one.cell)
    found = [data.score(part, target) for part in (clean, faced.decision, one.clean, one.naive, one.known)]
    losses = found if data.metric == "NMSE" else [1.0 - score for score in found]
    return [*losses[:4], float(np.fmax(losses[3], losses[4]))]


def _is(cell: Cell, attack: AttackName, budget: float) -> bool:
    return cell.purpose == "curve" and (str(cell.attack), cell.budget) == (str(attack), budget)
