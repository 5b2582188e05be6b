"""Where classes were in version 0.2.0: pickles of fitted models and of attacks name these modules.

Importing an old module gives a stand-in for the new one, so that such pickles load. The package itself imports none.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_FILTERS = ("chain", "clip", "itrim", "leverage", "neighbours", "roni", "sanitiser", "shares", "trim")
_BASELINES = ("at2fl", "back_gradient", "influence", "label_flip", "model_targeted", "single_task")
MOVED = {
    "patom.attacks.accounts": "patom.attacks.chosen_attackers",
    "patom.attacks.bilevel": "patom.attacks.records",  # of it, results hold the tally of their cost
    "patom.attacks.random_attack": "patom.attacks.random",
    "patom.attacks.rivals": "patom.attacks.baselines",
    **{f"patom.attacks.rivals.{name}": f"patom.attacks.baselines.{name}" for name in _BASELINES},
    "patom.core.penalty": "patom.core.penalties.penalty",
    "patom.core.quadratic": "patom.core.penalties.given",
    **{f"patom.core.regions.{name}": "patom.core.regions.bounds" for name in ("box", "slab")},
    "patom.core.regions.ellipsoid": "patom.core.regions.ball",
    "patom.core.solution": "patom.core.solvers.solution",
    "patom.core.spectral": "patom.core.penalties.learned",
    "patom.defenses.certificates.certificate": "patom.defenses.certificates",
    "patom.defenses.certificates.partition": "patom.defenses.certificates",
    "patom.defenses.coupling.capped": "patom.defenses.coupling.rule",
    "patom.defenses.coupling.shrunken": "patom.defenses.coupling.rule",
    **{f"patom.defenses.{name}": f"patom.defenses.filters.{name}" for name in _FILTERS},
    "patom.defenses.reweighted": "patom.defenses.learners.reweighted",
    "patom.defenses.sanitised": "patom.defenses.filters.sanitiser",
    "patom.defenses.screening.ranking": "patom.defenses.screening",
    "patom.defenses.slab": "patom.defenses.filters.distances",
    "patom.defenses.sphere": "patom.defenses.filters.distances",
}


class _OldPlaces(MetaPathFinder, Loader):
    """Finds a module of ``MOVED`` after all other finders have failed, and loads a stand-in."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
        /,
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self, is_package=True) if fullname in MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        moved = import_module(MOVED[module.__name__])
        module.__doc__, module.__dict__["__getattr__"] = moved.__doc__, moved.__getattribute__


def know_old_places() -> None:
    """Let pickles of version 0.2.0 load."""
    if not any(isinstance(finder, _OldPlaces) for finder in sys.meta_path):
        sys.meta_path.append(_OldPlaces())
