"""The main job: measure how badly somebody could hurt a model by feeding it data.

``table`` (over ``table_reading`` and the other ``table_*``), ``split`` and ``scaling`` prepare a table, ``data`` holds
it; ``selection`` picks the lambdas, ``pilot`` the attack's step size; ``plan`` lists the attacks, ``cells`` runs one,
``run`` all of them; ``summary`` and ``verdict`` say what came out, ``output`` writes it down.
"""

from patom.audit.data import AuditData, digits_data, table_data
from patom.audit.output import AuditFolder
from patom.audit.run import Audit, run_audit
from patom.audit.settings import AuditSettings
from patom.audit.table import TableError, read_table

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
