"""The guard: what a migration's statements may not do, decided by SQLite's own authorizer.

SQLite asks it for each thing that a statement would do while it compiles the statement, also for what
triggers, pragma functions and executescript's hidden COMMIT would do; nothing is guessed from the text.
Source of the action codes and their arguments: sqlite.org/c3ref/c_alter_table.html.
"""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass, field

from ...model.names import fold

LEDGER_PREFIX = "schema_version"  # the framework's own tables begin with it

# Pragmas that only tell, whose effect is rolled back with the transaction, or that overwrite what is deleted.
_HARMLESS_PRAGMAS = frozenset(
    "application_id collation_list compile_options data_version database_list encoding foreign_key_check"
    " foreign_key_list freelist_count function_list index_info index_list index_xinfo integrity_check"
    " module_list page_count pragma_list quick_check secure_delete table_info table_list table_xinfo"
    " user_version".split()
)
# Pragmas that tell when they are given no value, and change the connection when they are.
_READABLE_PRAGMAS = frozenset(
    "auto_vacuum automatic_index busy_timeout cache_size cache_spill case_sensitive_like cell_size_check"
    " checkpoint_fullfsync defer_foreign_keys foreign_keys fullfsync journal_mode journal_size_limit"
    " legacy_alter_table locking_mode max_page_count mmap_size page_size query_only read_uncommitted"
    " recursive_triggers reverse_unordered_selects schema_version soft_heap_limit synchronous"
    " temp_store threads trusted_schema wal_autocheckpoint writable_schema".split()
)
# What a migration without transaction is there for; schema_version is not among them.
_PAGE_PRAGMAS = frozenset(
    "auto_vacuum incremental_vacuum journal_mode journal_size_limit optimize page_size wal_checkpoint".split()
)
_PRAGMA_ADVICE = {
    "foreign_keys": "leave it out: foreign keys are off during a run, and checked at the end of each step",
    "defer_foreign_keys": "leave it out: foreign keys are off during a run, and checked at the end of each step",
    "legacy_alter_table": "leave it out, and drop and make anew the views and triggers that are in the way",
    "journal_mode": 'give the migration transaction = "none"',
    "page_size": 'give the migration transaction = "none"',
    "auto_vacuum": 'give the migration transaction = "none"',
    "wal_checkpoint": 'give the migration transaction = "none"',
    "incremental_vacuum": 'give the migration transaction = "none"',
    "optimize": 'use ANALYZE, or give the migration transaction = "none"',
}
_CREATES = {
    sqlite3.SQLITE_CREATE_TABLE: "table",
    sqlite3.SQLITE_CREATE_VIEW: "view",
    sqlite3.SQLITE_CREATE_INDEX: "index",
    sqlite3.SQLITE_CREATE_TRIGGER: "trigger",
    sqlite3.SQLITE_CREATE_VTABLE: "table",
    sqlite3.SQLITE_CREATE_TEMP_TABLE: "table",
    sqlite3.SQLITE_CREATE_TEMP_VIEW: "view",
    sqlite3.SQLITE_CREATE_TEMP_TRIGGER: "trigger",
    sqlite3.SQLITE_CREATE_TEMP_INDEX: "index",
}
_DROPS_TABLE = frozenset({sqlite3.SQLITE_DROP_TABLE, sqlite3.SQLITE_DROP_VTABLE})
# Actions whose second argument is the table that an index or trigger belongs to.
_ON_A_TABLE = frozenset(
    {
        sqlite3.SQLITE_CREATE_INDEX,
        sqlite3.SQLITE_CREATE_TRIGGER,
        sqlite3.SQLITE_CREATE_TEMP_TRIGGER,
        sqlite3.SQLITE_DROP_INDEX,
        sqlite3.SQLITE_DROP_TRIGGER,
    }
)
_MAKES_TEMPORARY = frozenset(
    {
        sqlite3.SQLITE_CREATE_TEMP_TABLE,
        sqlite3.SQLITE_CREATE_TEMP_VIEW,
        sqlite3.SQLITE_CREATE_TEMP_TRIGGER,
    }
)
_LOOKS = frozenset({sqlite3.SQLITE_READ, sqlite3.SQLITE_SELECT})
# What DDL writes into them is SQLite's own doing; a statement of a user's that names them fails by itself
# while writable_schema is off, and the pragma that would set it is refused.
_SCHEMA_TABLES = frozenset({"sqlite_master", "sqlite_temp_master"})
_VACUUM = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*vacuum\b", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the guard turned down, and what to write instead."""

    what: str
    instead: str


@dataclass
class Touched:
    """What a step's statements would touch, as SQLite reported it while compiling them; names in lower case.

    Inserting may also delete, where the conflict is resolved by REPLACE; SQLite reports no deletion then.
    """

    inserted: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    updated: set[tuple[str, str]] = field(default_factory=set)  # table and column
    created: set[str] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)
    altered: set[str] = field(default_factory=set)
    makes_temporary: bool = False
    vacuumed: bool = False
    says_references: bool = False  # one of the statements has the word: only such make foreign keys


class Guard:
    """Judges what statements would do, and notes what they touch, for one step."""

    def __init__(self, savepoint: str, *, in_transaction: bool) -> None:
        self.touched = Touched()
        self.refused: Refusal | None = None  # of the statement that was just compiled
        self._savepoint = savepoint.lower()
        self.in_transaction = in_transaction
        self._vacuuming = False

    def about_to_run(self, sql: str) -> Refusal | None:
        """Tell the guard which statement comes: VACUUM works through statements of its own, or not at all."""
        self.refused = None
        self._vacuuming = _VACUUM.match(sql) is not None
        if self._vacuuming and self.in_transaction:
            return Refusal("VACUUM cannot run inside the run's transaction", 'give the migration transaction = "none"')
        return None

    def authorize(
        self, action: int, first: str | None, second: str | None, database: str | None, trigger: str | None
    ) -> int:
        """SQLite's callback: allow, or deny and remember why."""
        if action in _LOOKS or first in _SCHEMA_TABLES or self._vacuuming:
            return sqlite3.SQLITE_OK
        refusal = self._judge(action, first or "", second or "")
        if refusal is not None:
            self.refused = self.refused or refusal
            return sqlite3.SQLITE_DENY
        self._note(action, fold(first or ""), fold(second or ""), trigger)
        return sqlite3.SQLITE_OK

    def _judge(self, action: int, first: str, second: str) -> Refusal | None:
        if action == sqlite3.SQLITE_TRANSACTION:
            return refused_transaction(first, in_transaction=self.in_transaction)
        if action == sqlite3.SQLITE_SAVEPOINT:
            return _refused_savepoint(first) if second.lower() == self._savepoint else None
        if action in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH):
            return _refused_attach("ATTACH" if action == sqlite3.SQLITE_ATTACH else "DETACH", first)
        if action == sqlite3.SQLITE_PRAGMA:
            return self._judge_pragma(first.lower(), second)
        if action == sqlite3.SQLITE_FUNCTION:
            if second.lower() == "load_extension":
                return Refusal("load_extension() brings code that no guard sees", "load it in the application")
            return None
        if action == sqlite3.SQLITE_ANALYZE:
            return None  # it counts rows, the ledger's too where no table is named, and changes none
        name = second if action == sqlite3.SQLITE_ALTER_TABLE else first
        if name.lower().startswith(LEDGER_PREFIX):
            return refused_ledger(name)
        if action in _ON_A_TABLE and second.lower().startswith(LEDGER_PREFIX):
            return refused_ledger(second)
        return None

    def _judge_pragma(self, name: str, value: str) -> Refusal | None:
        if name in _HARMLESS_PRAGMAS or (name in _READABLE_PRAGMAS and not value):
            return None
        if name in _PAGE_PRAGMAS and not self.in_transaction:
            return None
        return Refusal(
            f"PRAGMA {name} changes the connection that the run depends on",
            _PRAGMA_ADVICE.get(name, "leave it out"),
        )

    def _note(self, action: int, first: str, second: str, trigger: str | None) -> None:
        touched = self.touched
        if action == sqlite3.SQLITE_INSERT:
            touched.inserted.add(first)
            if trigger is not None:
                touched.deleted.add(first)  # a trigger's INSERT OR REPLACE cannot be told from an INSERT
        elif action == sqlite3.SQLITE_UPDATE:
            touched.updated.add((first, second))
        elif action == sqlite3.SQLITE_DELETE:
            touched.deleted.add(first)
        elif action == sqlite3.SQLITE_ALTER_TABLE:
            touched.altered.add(second)
        elif action in _DROPS_TABLE:
            touched.dropped.add(first)
        elif action in _CREATES and _CREATES[action] == "table":
            touched.created.add(first)
        if action in _MAKES_TEMPORARY:
            touched.makes_temporary = True

    def has_run(self, sql: str) -> None:
        """Note what only the text of a statement tells."""
        self.touched.vacuumed |= self._vacuuming
        text = sql.lower()
        if "replace" in text:
            self.touched.deleted |= self.touched.inserted
        if "references" in text:
            self.touched.says_references = True


def refused_transaction(word: str, *, in_transaction: bool) -> Refusal:
    if in_transaction:
        return Refusal(
            f"{word} would end or replace the run's transaction",
            "leave it out: the run commits at its end; for steps of your own use SAVEPOINT",
        )
    return Refusal(f"{word} by hand leaves a transaction open", "write: with db.transaction(): …")


def _refused_savepoint(word: str) -> Refusal:
    return Refusal(f"{word} of the runner's own savepoint", "use a savepoint with a name of your own")


def _refused_attach(word: str, name: str) -> Refusal:
    return Refusal(
        f"{word} {name!r}: another file would be outside of the snapshot and of the way back",
        "open it with sqlite3.connect() and copy the rows through Python",
    )


def refused_ledger(name: str) -> Refusal:
    return Refusal(
        f"{name} belongs to the framework: names that begin with {LEDGER_PREFIX} are its own",
        "leave it alone: the run writes the ledger itself; or choose another name",
    )
