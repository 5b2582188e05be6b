"""Screening of tasks for review: ``scores`` of tasks, and their ``ranking`` with p-values."""

from patom.defenses.screening.ranking import Screening, screen
from patom.defenses.screening.scores import RANKED, SCORES

__all__ = ["RANKED", "SCORES", "Screening", "screen"]
