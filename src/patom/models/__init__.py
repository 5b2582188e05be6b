"""Estimators: multi-task relationship learning, its lambdas by cross-validation, and a task column for either.

Also the scaling that their default lambdas, and the filters of ``patom.defenses``, assume.
"""

from patom.models.lambda_search import LambdaSearch
from patom.models.max_norm import MaxNormScaler
from patom.models.mtrl import MTRLClassifier, MTRLRegressor
from patom.models.task_column import TaskColumn
from patom.models.task_weights import Capped

__all__ = ["Capped", "LambdaSearch", "MTRLClassifier", "MTRLRegressor", "MaxNormScaler", "TaskColumn"]
