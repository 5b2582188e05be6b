"""Estimators: multi-task relationship learning, its lambdas by cross-validation, the task-column shell around both.

And the scaling that they, and the filters of ``patom.defenses``, are for.
"""

from patom.models.lambda_search import LambdaSearch
from patom.models.max_norm import MaxNormScaler
from patom.models.mtrl import MTRLClassifier, MTRLRegressor
from patom.models.task_column import TaskColumn

__all__ = ["LambdaSearch", "MTRLClassifier", "MTRLRegressor", "MaxNormScaler", "TaskColumn"]
