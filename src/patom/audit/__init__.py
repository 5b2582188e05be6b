"""The main job: measure how badly somebody could hurt a model by feeding it data.

``sample`` takes rows of a table,
``data`` holds it and ``measure`` says how good a model of it is; ``draws`` is what each seed draws; ``selection`` picks
the lambdas, ``pilot`` the attack's step size; ``plan`` lists the attacks, ``cells`` runs one, ``run`` all of them;
``remedies`` tries defenses, ``code`` writes them down; ``summary`` makes the sections of the report, ``levels`` judges
by their intervals, ``verdict`` says it in words, ``output`` writes it to files; ``screened`` ranks a table's tasks.
"""

from patom.audit.data import AuditData, digits_data, table_data
from patom.audit.output import AuditFolder
from patom.audit.run import Audit, run_audit
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
