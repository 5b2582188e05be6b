"""Estimators: multi-task relationship learning and the task-column shell around it."""

from patom.models.mtrl import MTRLClassifier, MTRLRegressor
from patom.models.task_column import TaskColumn

__all__ = ["MTRLClassifier", "MTRLRegressor", "TaskColumn"]
