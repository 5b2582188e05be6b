"""Data in long format: what a data set is, converters to it, and the data sets themselves."""

from patom.datasets.convert import from_target_matrix, from_task_arrays, one_vs_rest_tasks
from patom.datasets.dataset import Dataset, LongTable
from patom.datasets.digits import load_digits_tasks
from patom.datasets.fetch import FileState, data_home, read_file, require, verify
from patom.datasets.landmine import load_landmine
from patom.datasets.mnist import load_mnist
from patom.datasets.sarcos import load_sarcos
from patom.datasets.sources import SOURCES, RemoteFile, Source
from patom.datasets.synthetic import make_related_tasks
from patom.datasets.tables.parquet import read_parquet

__all__ = [
    "SOURCES",
    "Dataset",
    "FileState",
    "LongTable",
    "RemoteFile",
    "Source",
    "data_home",
    "from_target_matrix",
    "from_task_arrays",
    "load_digits_tasks",
    "load_landmine",
    "load_mnist",
    "load_sarcos",
    "make_related_tasks",
    "one_vs_rest_tasks",
    "read_file",
    "read_parquet",
    "require",
    "verify",
]
