"""The main job: measure how badly somebody could hurt a model by feeding it data.

``settings`` is what a user may set; ``data`` samples, splits and scales a table; ``draws`` is what each seed draws;
``selection`` chooses the lambdas; ``plan`` lists the attacks, ``steps`` counts them, ``cells`` runs and measures one,
``run`` all of them; ``remedies`` tries defenses and writes them down; ``summary`` and ``coverage``
make the sections of the report, ``levels`` judges by their intervals, ``verdict`` says it in words, ``output`` writes
it to files; ``screened`` ranks a table's tasks.
"""

from patom.audit.data import AuditData, digits_data, table_data
from patom.audit.output import Audit, AuditFolder
from patom.audit.run import run_audit
from patom.audit.settings import AuditSettings
from patom.datasets.tables.table import TableError, read_table

__all__ = [
    "Audit",
    "AuditData",
    "AuditFolder",
    "AuditSettings",
    "TableError",
    "digits_data",
    "read_table",
    "run_audit",
    "table_data",
]
