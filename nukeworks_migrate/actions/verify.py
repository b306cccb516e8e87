"""`migrate verify`: whether the database is what its ledger says, as far as that can be known.

What it finds, each under a code that does not change:

    NWM401  error    an applied migration's file was changed
    NWM402  error    a version was applied under another name
    NWM403  error    an applied migration has no file
    NWM404  error    the database is newer than the files
    NWM405  error    a migration was interrupted
    NWM406  warning  the ledger cannot be read
    NWM411  error    the schema is not what the applied migrations build
    NWM412  warning  the schema cannot be compared
    NWM421  error    rows refer to nothing
    NWM422  error    a foreign key refers to columns that are no key
    NWM423  warning  the foreign keys cannot be checked
    NWM431  error    the database finds itself damaged

What could not be looked at is a finding too: who asks whether all is well must not take "nobody knows" for a yes.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

from ..databases.base import Database, Reader
from ..databases.log import StoredFile, read_source
from ..databases.writing import BrokenKeys, Violation
from ..errors import DatabaseRefused, MigrateError, Stopped
from ..files.folder import Folder
from ..files.header import read_header
from ..files.source import SourceFile
from ..model.differences import Kind, SchemaChange, difference_lines, schema_changes
from ..model.findings import Rule, Severity
from ..model.history import Entry, History, LedgerState
from ..model.migration import Migration, TransactionMode
from ..model.schema import Schema
from ..model.standing import DriftKind, Standing
from ..project import Project
from ..runtime.building import Recipe
from .schema import build
from .standing import load_project_folder, standing_in

FILE_CHANGED = Rule("NWM401", Severity.ERROR, "an applied migration's file was changed")
FILE_RENAMED = Rule("NWM402", Severity.ERROR, "a version was applied under another name")
FILE_MISSING = Rule("NWM403", Severity.ERROR, "an applied migration has no file")
DATABASE_NEWER = Rule("NWM404", Severity.ERROR, "the database is newer than the files")
INTERRUPTED = Rule("NWM405", Severity.ERROR, "a migration was interrupted")
LEDGER_NOT_READ = Rule("NWM406", Severity.WARNING, "the ledger cannot be read")
SCHEMA_DIFFERS = Rule("NWM411", Severity.ERROR, "the schema is not what the applied migrations build")
SCHEMA_NOT_COMPARED = Rule("NWM412", Severity.WARNING, "the schema cannot be compared")
ROWS_REFER_TO_NOTHING = Rule("NWM421", Severity.ERROR, "rows refer to nothing")
KEY_REFERS_TO_NO_KEY = Rule("NWM422", Severity.ERROR, "a foreign key refers to columns that are no key")
KEYS_NOT_CHECKED = Rule("NWM423", Severity.WARNING, "the foreign keys cannot be checked")
DAMAGED = Rule("NWM431", Severity.ERROR, "the database finds itself damaged")

VERIFY_RULES = (
    FILE_CHANGED,
    FILE_RENAMED,
    FILE_MISSING,
    DATABASE_NEWER,
    INTERRUPTED,
    LEDGER_NOT_READ,
    SCHEMA_DIFFERS,
    SCHEMA_NOT_COMPARED,
    ROWS_REFER_TO_NOTHING,
    KEY_REFERS_TO_NO_KEY,
    KEYS_NOT_CHECKED,
    DAMAGED,
)
_NOT_CHECKED = frozenset(rule.code for rule in (LEDGER_NOT_READ, SCHEMA_NOT_COMPARED, KEYS_NOT_CHECKED))
_MOST_ROWS = 10  # named of those that break one foreign key


class Part(StrEnum):
    """What is looked at."""

    FILES = "files"  # against the ledger
    SCHEMA = "schema"  # of the database against what the applied migrations build
    FOREIGN_KEYS = "foreign keys"
    INTEGRITY = "integrity"


class PartState(StrEnum):
    OK = "ok"
    FINDINGS = "findings"
    NOT_CHECKED = "not checked"  # it could not be looked at; a finding says why


@dataclass(frozen=True, slots=True)
class VerifyFinding:
    """One thing that is not as it should be, or that could not be looked at."""

    code: str
    severity: Severity
    part: Part
    message: str  # one line; names and data in it are as they are, so escape them before a terminal
    where: str = ""  # the file, and when it was applied
    details: tuple[str, ...] = ()  # lines: a diff, the differences of the schema, rows, what the database says


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was found. Pending migrations are no finding, and neither is the order of columns alone."""

    database: str
    engine: str
    ledger: LedgerState
    version: int  # the highest applied one, as the application reads it
    applied: int  # how many migrations
    pending: tuple[str, ...]
    findings: tuple[VerifyFinding, ...]  # part by part
    changes: tuple[SchemaChange, ...] = ()  # from what the applied migrations build to what is there
    notes: tuple[str, ...] = ()  # how far the comparison of the schema goes

    @property
    def ok(self) -> bool:
        return not self.findings

    def of(self, part: Part) -> tuple[VerifyFinding, ...]:
        return tuple(finding for finding in self.findings if finding.part is part)

    def state(self, part: Part) -> PartState:
        codes = {finding.code for finding in self.of(part)}
        if not codes:
            return PartState.OK
        return PartState.NOT_CHECKED if codes <= _NOT_CHECKED else PartState.FINDINGS


def verify(project: Project) -> VerifyReport:
    """Compare files with ledger and schema with migrations, and check foreign keys and integrity. Nothing is written.

    The applied migrations run in an empty scratch database, in the order in which they were applied, and with the
    text that was applied, be it out of the database; what no text is kept of is taken from today's file.

    Raises:
        FilesRefused: the files cannot be read.
        DatabaseRefused: there is no database, or nothing of it can be read.
        LedgerNotOurs, Busy, HotJournal: the ledger cannot be read.
        Stopped: a signal ended it.
    """
    folder = load_project_folder(project)
    database = project.open_database()
    if not database.exists():
        raise DatabaseRefused(
            f"there is no database {database.label} yet",
            unchanged="nothing was verified and nothing was made",
            next_step="make it: migrate up; or name another one with --database",
        )
    seen = _look(folder, database)
    findings = _file_findings(seen)
    comparison = _compare_schema(project, database, folder, seen)
    findings += comparison.findings
    findings += _key_findings(database)
    findings += _damage_findings(database, seen)
    history = seen.history
    pending = seen.standing.pending if seen.standing is not None else []
    return VerifyReport(
        database=database.label,
        engine=database.engine,
        ledger=history.state,
        version=history.version,
        applied=len(history.entries),
        pending=tuple(folder.graph[version].name for version in pending),
        findings=tuple(findings),
        changes=comparison.changes,
        notes=comparison.notes,
    )


class _Seen(NamedTuple):
    """What one look at the database saw; nobody's write lies between its parts."""

    standing: Standing | None  # None: the ledger cannot be read
    texts: dict[int, tuple[StoredFile, ...]]  # by version: what was applied where no file is that, the migration first
    schema: Schema | None
    refusal: DatabaseRefused | None  # why something of this is missing

    @property
    def history(self) -> History:
        return self.standing.history if self.standing is not None else History(state=LedgerState.NONE)


def _look(folder: Folder, database: Database) -> _Seen:
    """Read ledger, texts and schema at once, and what can be read of them where that fails."""
    try:
        with database.reader() as reader:
            standing = standing_in(folder, reader)
            texts = _stored_texts(folder, reader, standing.history)
            try:
                return _Seen(standing, texts, reader.schema(), None)
            except DatabaseRefused as refusal:  # a definition in a syntax that is not known
                return _Seen(standing, texts, None, refusal)
    except DatabaseRefused as refusal:
        try:
            with database.reader() as reader:
                return _Seen(standing_in(folder, reader), {}, None, refusal)
        except DatabaseRefused:
            return _Seen(None, {}, None, refusal)


def _stored_texts(folder: Folder, reader: Reader, history: History) -> dict[int, tuple[StoredFile, ...]]:
    """What was applied, where no file is that to the byte: code out of a database runs only where it must."""
    found = {}
    for entry in history.entries:
        todays = folder.graph[entry.version].checksum if entry.version in folder.graph else None
        if entry.checksum is not None and entry.checksum != todays:
            files = read_source(reader, entry.checksum)
            own = [file for file in files if not file.file.startswith("_")]
            # The same text may be there under the name that it had before it was renamed.
            named = [file for file in own if file.file == f"{entry.name}.py"] or own
            if named:
                found[entry.version] = (named[0], *(file for file in files if file not in own))
    return found


def _file_findings(seen: _Seen) -> list[VerifyFinding]:
    if seen.standing is None:
        assert seen.refusal is not None
        return [_finding(LEDGER_NOT_READ, Part.FILES, "the ledger cannot be read", details=_words(seen.refusal))]
    standing = seen.standing
    found = [
        _finding(
            INTERRUPTED,
            Part.FILES,
            f"{unfinished.name} was interrupted: it began at {unfinished.started_at} and never ended",
        )
        for unfinished in standing.history.unfinished
    ]
    for entry in standing.newer:
        message = f"{_called(entry)} is applied, and above every file: the database is newer"
        found.append(_finding(DATABASE_NEWER, Part.FILES, message, _applied(entry.applied_at)))
    for entry in standing.missing:
        message = f"{_called(entry)} is applied, and has no file"
        found.append(_finding(FILE_MISSING, Part.FILES, message, _applied(entry.applied_at)))
    for drift in standing.drifts:
        if drift.kind is DriftKind.RENAMED:
            rule = FILE_RENAMED
            message = f"version {drift.version} was applied as {drift.applied_name}, and the file is {drift.file_name}"
        else:
            rule = FILE_CHANGED
            message = f"{drift.file_name} was changed after it was applied"
        where = ", ".join(words for words in (drift.path, _applied(drift.applied_at)) if words)
        found.append(_finding(rule, Part.FILES, message, where, tuple(drift.diff.splitlines())))
    return found


class _Comparison(NamedTuple):
    findings: tuple[VerifyFinding, ...] = ()
    changes: tuple[SchemaChange, ...] = ()
    notes: tuple[str, ...] = ()


def _compare_schema(project: Project, database: Database, folder: Folder, seen: _Seen) -> _Comparison:
    """Compare what is there with what the applied migrations build."""
    if seen.schema is None or seen.standing is None:
        assert seen.refusal is not None
        return _not_compared("it cannot be read", _words(seen.refusal))
    material = _Material(folder, seen)
    if material.unknown:
        names = ", ".join(material.unknown)
        return _not_compared(f"{names}: neither a text that was stored nor a file tells what was applied")
    expected = Schema()
    if material.recipes:
        try:
            expected = build(project, database, material.recipes, lambda writer: writer.schema())
        except Stopped:
            raise
        except MigrateError as error:
            return _not_compared(error.what, _words(error), material.notes)
    found = schema_changes(expected, seen.schema)
    changes = tuple(change for change in found if change.kind is not Kind.COLUMN_ORDER)
    notes = list(material.notes)
    notes += [
        f"the columns of {change.table} stand in another order; that is no finding"
        for change in found
        if change.kind is Kind.COLUMN_ORDER
    ]
    findings = []
    if changes:
        count = f"{len(changes)} difference{'s' if len(changes) != 1 else ''}"
        message = f"{count} from what the applied migrations build"
        details = tuple(difference_lines(changes, width=10**6))
        findings.append(_finding(SCHEMA_DIFFERS, Part.SCHEMA, message, details=details))
    return _Comparison(tuple(findings), changes, tuple(notes))


class _Material:
    """What the applied migrations are built from, in the order in which they were applied."""

    def __init__(self, folder: Folder, seen: _Seen) -> None:
        self.recipes: list[Recipe] = []
        self.unknown: list[str] = []  # applied, and nobody knows what ran
        taken = 0  # today's files, for what may have been another text
        # Rows of the old system have no position: all of them are older, and their dates lie.
        for entry in sorted(seen.history.entries, key=lambda e: (e.position is not None, e.position or 0, e.version)):
            if stored := seen.texts.get(entry.version):
                self.recipes.append(_recipe_of(entry, stored))
            elif entry.version in folder.graph:
                migration = folder.graph[entry.version]
                sources = {s.name.removesuffix(".py"): s for s in folder.sources_of(migration.name)}
                self.recipes.append(Recipe(migration, sources))
                taken += entry.checksum != migration.checksum
            else:
                self.unknown.append(_called(entry))
        self.notes = (_how_far(taken, len(seen.history.entries)),) if taken else ()


def _how_far(taken: int, applied: int) -> str:
    if applied == 1:
        return "the one applied migration has no stored text: today's file was taken for it"
    has, files = (
        ("has", "today's file was taken for it") if taken == 1 else ("have", "today's files were taken for them")
    )
    return f"{taken} of {applied} applied migrations {has} no stored text: {files}"


def _recipe_of(entry: Entry, stored: tuple[StoredFile, ...]) -> Recipe:
    """The migration as it was applied, with the helpers of then."""
    sources = {}
    for file, text in stored:
        content = text.encode()
        sources[file.removesuffix(".py")] = SourceFile(
            file, f"{file} (as applied)", content, sha256(content).hexdigest()
        )
    name = stored[0].file.removesuffix(".py")
    header = read_header(sources[name].content)  # what is wrong with it shows when it is run
    migration = Migration(
        version=entry.version,
        name=name,
        path=sources[name].path,
        description=header.description,
        checksum=entry.checksum or "",
        transaction=TransactionMode(header.transaction),
        resources=header.resources,
    )
    return Recipe(migration, sources)


def _not_compared(message: str, details: tuple[str, ...] = (), notes: tuple[str, ...] = ()) -> _Comparison:
    return _Comparison((_finding(SCHEMA_NOT_COMPARED, Part.SCHEMA, message, details=details),), notes=notes)


def _key_findings(database: Database) -> list[VerifyFinding]:
    try:
        with database.reader() as reader:
            broken = reader.broken_keys()
    except DatabaseRefused as refusal:
        return [_finding(KEYS_NOT_CHECKED, Part.FOREIGN_KEYS, "they cannot be checked", details=_words(refusal))]
    return _broken_key_findings(broken)


def _broken_key_findings(broken: BrokenKeys) -> list[VerifyFinding]:
    by_key: defaultdict[tuple[str, tuple[str, ...], str], list[Violation]] = defaultdict(list)
    for violation in broken.violations:
        by_key[violation.table, violation.columns, violation.parent].append(violation)
    found = []
    for (table, columns, parent), violations in sorted(by_key.items()):
        count = len(violations)
        message = (
            f"{count:,} row{'s' if count != 1 else ''} of {table} refer{'s' if count == 1 else ''} to no row"
            f" of {parent} ({', '.join(columns)})"
        )
        rows = sorted(", ".join(repr(value) for value in violation.key) for violation in violations)
        details = [f"{table} ({key})" for key in rows[:_MOST_ROWS]]
        if count > _MOST_ROWS:
            details.append(f"and {count - _MOST_ROWS:,} more")
        found.append(_finding(ROWS_REFER_TO_NOTHING, Part.FOREIGN_KEYS, message, details=tuple(details)))
    found += [_finding(KEY_REFERS_TO_NO_KEY, Part.FOREIGN_KEYS, words) for words in sorted(broken.mismatches)]
    return found


def _damage_findings(database: Database, seen: _Seen) -> list[VerifyFinding]:
    opened = False
    try:
        with database.reader() as reader:
            opened = True
            damage = reader.damage()
    except DatabaseRefused as refusal:
        if not opened:  # then nothing of it can be read, and this is no report about a database
            raise seen.refusal or refusal from refusal
        return [_finding(DAMAGED, Part.INTEGRITY, "the check of it fails itself", details=_words(refusal))]
    lines = tuple(line for text in damage for line in text.splitlines())
    return [_finding(DAMAGED, Part.INTEGRITY, "the database finds itself damaged", details=lines)] if lines else []


def _finding(rule: Rule, part: Part, message: str, where: str = "", details: tuple[str, ...] = ()) -> VerifyFinding:
    return VerifyFinding(rule.code, rule.severity, part, message, where, details)


def _words(error: MigrateError) -> tuple[str, ...]:
    """Where and why, in lines."""
    return tuple(line for text in (error.where, error.cause) for line in text.splitlines())


def _called(entry: Entry) -> str:
    return entry.name or str(entry.version)


def _applied(moment: str) -> str:
    return f"applied {moment} UTC" if moment else ""
