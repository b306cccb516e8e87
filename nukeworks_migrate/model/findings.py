"""What is worth saying about a migration: the rules, each under a code that does not change.

What its SQL does:

    NWM101  warning  a table is dropped
    NWM102  warning  a column is dropped
    NWM103  warning  rows are deleted without WHERE
    NWM104  info     rows are updated without WHERE
    NWM105  warning  a table is truncated
    NWM106  error    a transaction is begun or ended in the file
    NWM107  error    a table of the framework's own is written to

How its code is written:

    NWM201  warning  SQL is built from data
    NWM202  warning  application code is imported
    NWM203  info     a value differs from run to run

What it does to a database, some of which only a rehearsal tells:

    NWM301  info     a table is rebuilt
    NWM302  info     every row of a table is rewritten
    NWM303  warning  a statement touches more rows than the limit
    NWM304  warning  foreign-key actions are relied on
    NWM305  info     there is no downgrade
    NWM306  warning  the downgrade does not give everything back
    NWM307  error    the migration fails

An error is something that the run would refuse, that would break the ledger, or that fails already. A warning
loses data if it was not meant, or goes wrong on another day or with other data. An info is as often meant as
not: filling a new column is an UPDATE without WHERE. Findings advise; nothing that is executed is ever decided
by them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding matters."""

    INFO = "info"  # worth knowing
    WARNING = "warning"  # loses data if it was not meant, or goes wrong on another day
    ERROR = "error"  # has to be changed


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that is looked for, under a code that does not change."""

    code: str
    severity: Severity
    title: str

    def finding(self, message: str, *, where: str = "", severity: Severity | None = None) -> Finding:
        """A place where this rule applies, as severe as the rule unless another severity is given."""
        return Finding(self.code, severity or self.severity, message, where)


TABLE_DROPPED = Rule("NWM101", Severity.WARNING, "a table is dropped")
COLUMN_DROPPED = Rule("NWM102", Severity.WARNING, "a column is dropped")
DELETE_WITHOUT_WHERE = Rule("NWM103", Severity.WARNING, "rows are deleted without WHERE")
UPDATE_WITHOUT_WHERE = Rule("NWM104", Severity.INFO, "rows are updated without WHERE")
TABLE_TRUNCATED = Rule("NWM105", Severity.WARNING, "a table is truncated")
TRANSACTION_CONTROL = Rule("NWM106", Severity.ERROR, "a transaction is begun or ended in the file")
OWN_TABLE_WRITTEN = Rule("NWM107", Severity.ERROR, "a table of the framework's own is written to")

SQL_FROM_DATA = Rule("NWM201", Severity.WARNING, "SQL is built from data")
APPLICATION_IMPORTED = Rule("NWM202", Severity.WARNING, "application code is imported")
VALUE_DIFFERS = Rule("NWM203", Severity.INFO, "a value differs from run to run")

TABLE_REBUILT = Rule("NWM301", Severity.INFO, "a table is rebuilt")
TABLE_REWRITTEN = Rule("NWM302", Severity.INFO, "every row of a table is rewritten")
MANY_ROWS = Rule("NWM303", Severity.WARNING, "a statement touches more rows than the limit")
FOREIGN_KEYS_RELIED_ON = Rule("NWM304", Severity.WARNING, "foreign-key actions are relied on")  # none acts in a run
NO_DOWNGRADE = Rule("NWM305", Severity.INFO, "there is no downgrade")
DOWNGRADE_NOT_EXACT = Rule("NWM306", Severity.WARNING, "the downgrade does not give everything back")
REHEARSAL_FAILED = Rule("NWM307", Severity.ERROR, "the migration fails")

RULES = (
    TABLE_DROPPED,
    COLUMN_DROPPED,
    DELETE_WITHOUT_WHERE,
    UPDATE_WITHOUT_WHERE,
    TABLE_TRUNCATED,
    TRANSACTION_CONTROL,
    OWN_TABLE_WRITTEN,
    SQL_FROM_DATA,
    APPLICATION_IMPORTED,
    VALUE_DIFFERS,
    TABLE_REBUILT,
    TABLE_REWRITTEN,
    MANY_ROWS,
    FOREIGN_KEYS_RELIED_ON,
    NO_DOWNGRADE,
    DOWNGRADE_NOT_EXACT,
    REHEARSAL_FAILED,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One place where a rule applies."""

    code: str
    severity: Severity
    message: str  # names the table; names are as they are in the SQL, so escape them before a terminal
    where: str = ""  # versions/0017_x.py:24
    table: str = ""  # the table that is dropped, for NWM101

    def at(self, where: str) -> Finding:
        """The same finding, in the place where its statement stands."""
        return replace(self, where=where)

    @property
    def path(self) -> str:
        """`where` without the line."""
        path, colon, line = self.where.rpartition(":")
        return path if colon and _is_line(line) else self.where

    @property
    def line(self) -> int:
        """The line in `where`, or 0 where it names none."""
        _, colon, line = self.where.rpartition(":")
        return int(line) if colon and _is_line(line) else 0


def _is_line(text: str) -> bool:
    return text.isascii() and text.isdigit()
