"""Defenses: filters of rows (one file each), an estimator behind them (``sanitised``), ``screening`` of tasks."""

from patom.defenses.chain import Chain
from patom.defenses.clip import Clip
from patom.defenses.leverage import Leverage
from patom.defenses.neighbours import Neighbours
from patom.defenses.roni import Roni
from patom.defenses.sanitised import Sanitised
from patom.defenses.sanitiser import Kept, Sanitiser
from patom.defenses.screening import Screening, screen
from patom.defenses.shares import Shares
from patom.defenses.slab import Slab
from patom.defenses.sphere import Sphere
from patom.defenses.trim import Trim

__all__ = [
    "Chain",
    "Clip",
    "Kept",
    "Leverage",
    "Neighbours",
    "Roni",
    "Sanitised",
    "Sanitiser",
    "Screening",
    "Shares",
    "Slab",
    "Sphere",
    "Trim",
    "screen",
]
