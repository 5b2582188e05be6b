"""Defenses: filters of rows (one file each), an estimator behind them (``sanitised``), ``screening`` of tasks."""

from patom.defenses.certificates.certificate import Certificate
from patom.defenses.certificates.partition import PartitionMedian
from patom.defenses.chain import Chain
from patom.defenses.itrim import ITrim
from patom.defenses.leverage import Leverage
from patom.defenses.neighbours import Neighbours
from patom.defenses.reweighted import Reweighted
from patom.defenses.roni import Roni
from patom.defenses.sanitised import Sanitised
from patom.defenses.sanitiser import Kept, Sanitiser
from patom.defenses.screening import Screening, screen
from patom.defenses.slab import Slab
from patom.defenses.sphere import Sphere
from patom.defenses.trim import Trim

__all__ = [
    "Certificate",
    "Chain",
    "ITrim",
    "Kept",
    "Leverage",
    "Neighbours",
    "PartitionMedian",
    "Reweighted",
    "Roni",
    "Sanitised",
    "Sanitiser",
    "Screening",
    "Slab",
    "Sphere",
    "Trim",
    "screen",
]
