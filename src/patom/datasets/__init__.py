"""Data in long format: what a data set is, converters to it, and the data sets themselves."""

from patom.datasets.convert import from_target_matrix, from_task_arrays, one_vs_rest_tasks
from patom.datasets.dataset import Dataset, LongTable
from patom.datasets.digits import load_digits_tasks

__all__ = [
    "Dataset",
    "LongTable",
    "from_target_matrix",
    "from_task_arrays",
    "load_digits_tasks",
    "one_vs_rest_tasks",
]
