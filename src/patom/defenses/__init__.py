"""Defenses: filters of training rows (one file each), and an estimator behind them (``sanitised``)."""

from patom.defenses.chain import Chain
from patom.defenses.leverage import Leverage
from patom.defenses.neighbours import Neighbours
from patom.defenses.roni import Roni
from patom.defenses.sanitised import Sanitised
from patom.defenses.sanitiser import Kept, Sanitiser
from patom.defenses.slab import Slab
from patom.defenses.sphere import Sphere
from patom.defenses.trim import Trim

__all__ = ["Chain", "Kept", "Leverage", "Neighbours", "Roni", "Sanitised", "Sanitiser", "Slab", "Sphere", "Trim"]
