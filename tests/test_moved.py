"""Pickles of fitted models and of attacks that version 0.2.0 made load: the old modules give the classes of today."""

import pickle
import sys
from importlib import import_module

import pytest

from patom import attacks, defenses
from patom.core.penalties.learned import SpectralPenalty
from patom.core.solvers.solution import Status
from patom.defenses.learners.base import IterationStatus
from patom.moved import MOVED

OLD = {
    ("patom.core.solution", "Status"): Status,
    ("patom.core.spectral", "SpectralPenalty"): SpectralPenalty,
    ("patom.defenses.sphere", "Sphere"): defenses.Sphere,
    ("patom.defenses.slab", "Slab"): defenses.Slab,
    ("patom.defenses.sanitised", "Sanitised"): defenses.Sanitised,
    ("patom.defenses.sanitiser", "Kept"): defenses.Kept,
    ("patom.defenses.reweighted", "Reweighted"): defenses.Reweighted,
    ("patom.defenses.certificates.partition", "PartitionMedian"): defenses.PartitionMedian,
    ("patom.defenses.coupling.capped", "Capped"): defenses.Capped,
    ("patom.defenses.learners.base", "Rest"): IterationStatus,
    ("patom.attacks.random_attack", "RandomAttack"): attacks.RandomAttack,
    ("patom.attacks.rivals.at2fl", "AT2FL"): attacks.AT2FL,
    ("patom.attacks.rivals.model_targeted", "ModelTargeted"): attacks.ModelTargeted,
}


@pytest.mark.parametrize(("module", "name"), list(OLD))
def test_a_pickle_that_names_an_old_module_loads(module, name):
    assert pickle.loads(f"c{module}\n{name}\n.".encode()) is OLD[module, name]


@pytest.mark.parametrize("old", sorted(MOVED))
def test_an_old_module_has_what_the_new_one_has(old):
    here = sys.modules.pop(old, None)
    try:
        found, today = import_module(old), import_module(MOVED[old])
        assert all(getattr(found, name) is value for name, value in vars(today).items() if not name.startswith("__"))
    finally:
        if here is not None:
            sys.modules[old] = here


def test_other_modules_are_not_found():
    with pytest.raises(ModuleNotFoundError, match=r"patom\.core\.nowhere"):
        import_module("patom.core.nowhere")
