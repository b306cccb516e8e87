"""The one error tree. It imports nothing from the package.

MigrateError
├── UsageError                the words of a command or call: unknown target, bad setting
│   ├── UnknownTarget
│   └── BadSetting
├── Refused                   turned down before anything ran; nothing changed
│   ├── FilesRefused          problems in versions/, all of them
│   ├── ChecksumDrift         an applied migration's file is not the one that ran
│   ├── NewerDatabase         applied versions above every file
│   ├── MissingFiles          applied versions without a file
│   ├── NoWayBack             a downgrade that does not exist
│   ├── OutOfOrder            refused by the setting out_of_order
│   ├── LedgerNotOurs         a table of the ledger's name that somebody else made
│   ├── ModuleNotLoaded       a pending file failed while it was imported
│   ├── MissingResource       a migration wants something that nobody provides
│   │   └── ResourceNotLoaded     its factory cannot be imported, or raised
│   ├── SnapshotRefused       no snapshot could be made, or it is not what its manifest says
│   ├── PlanMoved             the plan that was agreed to is not the plan any more
│   ├── RehearsalRefused      there is no room, or no way, to make a copy to rehearse on
│   ├── DatabaseRefused       no such file, not a database, no folder
│   └── NotConfirmed          answered no, or there was nobody to ask
├── StepFailed                a step failed; it and its run were undone
│   └── StatementRefused      the guard turned a statement down
├── Busy                      somebody else holds a lock; nothing changed
│   └── HotJournal            an interrupted write has to be recovered before anything is read
├── PartWay                   something is done and something is not
│   ├── Interrupted           a migration without transaction has begun and not ended
│   └── NotRolledBack         the transaction was lost after another statement ran
└── Stopped                   a signal from outside; rolled back
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple


class Problem(NamedTuple):
    """Why the folder of migrations cannot be used as it is: where, what, and what to do."""

    path: str
    line: int  # 0 when the file as a whole is meant
    what: str
    remedy: str


class MigrateError(Exception):
    """Base class. Catch it to handle whatever a migration command can report.

    The parts stay apart so that a terminal, a page and `--json` can each lay them out: `what` happened
    (it can stand alone in a log), `where`, the `cause` in other people's words, what `changed` all the
    same, what is `unchanged`, and the `next_step` to type.
    """

    code: ClassVar[str] = "migrate-error"

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        cause: str = "",
        changed: str = "",
        unchanged: str = "",
        next_step: str = "",
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.cause = cause
        self.changed = changed
        self.unchanged = unchanged
        self.next_step = next_step


class UsageError(MigrateError):
    """The call itself cannot be carried out as it was written."""

    code = "usage"


class UnknownTarget(UsageError):
    """`--to` or `--only` names no migration."""

    code = "unknown-target"


class BadSetting(UsageError):
    """A setting has a name or a value that means nothing here."""

    code = "bad-setting"


class Refused(MigrateError):
    """Turned down before anything ran."""

    code = "refused"

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        cause: str = "",
        changed: str = "",
        unchanged: str = "nothing was run; database and ledger are as they were",
        next_step: str = "",
    ) -> None:
        super().__init__(what, where=where, cause=cause, changed=changed, unchanged=unchanged, next_step=next_step)


class FilesRefused(Refused):
    """The folder of migrations cannot be read as it is; `problems` holds every reason, in order of file."""

    code = "files-refused"

    def __init__(self, folder: str, problems: tuple[Problem, ...]) -> None:
        count = len(problems)
        super().__init__(
            f"{count} problem{'s' if count != 1 else ''} in {folder}",
            unchanged="nothing was run; no database was opened",
            next_step="correct the files, then: migrate plan",
        )
        self.problems = problems


class ChecksumDrift(Refused):
    """An applied migration's file is not the file that ran.

    Restoring the file clears it. An edit that was meant belongs in a new migration, because
    databases that ran the old file will not run this one again.
    """

    code = "checksum-drift"


class NewerDatabase(Refused):
    """The ledger holds versions above every file: the application is older than its database."""

    code = "newer-database"


class MissingFiles(Refused):
    """Applied versions whose file is gone."""

    code = "missing-files"


class NoWayBack(Refused):
    """A step down meets a migration that has no downgrade."""

    code = "no-way-back"


class OutOfOrder(Refused):
    """A lower number than one already applied, where the settings refuse that."""

    code = "out-of-order"


class LedgerNotOurs(Refused):
    """A table has the ledger's name but not its columns; it is left alone."""

    code = "ledger-not-ours"


class ModuleNotLoaded(Refused):
    """A pending migration raised while it was imported."""

    code = "module-not-loaded"


class MissingResource(Refused):
    """A migration's `resources` names something that nobody provides."""

    code = "missing-resource"


class ResourceNotLoaded(MissingResource):
    """The factory that provides a resource cannot be imported or called, raised, or returned None."""

    code = "resource-not-loaded"


class SnapshotRefused(Refused):
    """A snapshot cannot be made, found or trusted."""

    code = "snapshot-refused"


class PlanMoved(Refused):
    """What was agreed to is not what would run now.

    Between the question and the run the ledger changed so that the plan grew; or a plan that was saved finds files,
    ledger or schema other than they were.
    """

    code = "plan-moved"


class RehearsalRefused(Refused):
    """No copy can be made to rehearse on."""

    code = "rehearsal-refused"


class DatabaseRefused(Refused):
    """The database is not there, is no database, or cannot be opened."""

    code = "database-refused"


class NotConfirmed(Refused):
    """The question was answered no, or there is no terminal to ask at and no --yes."""

    code = "not-confirmed"


class StepFailed(MigrateError):
    """A step raised or was refused. It is undone, and so is what its transaction held.

    `name` is the migration, `advice` what would correct it where that is known, `undone` the steps of the run that
    were rolled back with it, `kept` those that had been committed before it (with --commit each, or before a migration
    without transaction).
    """

    code = "step-failed"
    name: str = ""
    advice: str = ""
    undone: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


class StatementRefused(StepFailed):
    """A migration tried to end the run's transaction, or to step around it."""

    code = "statement-refused"
    statement: str = ""  # empty where it was a call, commit() for one


class Busy(MigrateError):
    """Somebody else holds the migration lock or the database; nothing changed."""

    code = "busy"


class HotJournal(Busy):
    """The file has an interrupted write beside it, which only a writer can recover."""

    code = "hot-journal"


class PartWay(MigrateError):
    """Something is done and something is not; the message names both."""

    code = "part-way"


class Interrupted(PartWay):
    """A migration without a transaction has begun and not ended."""

    code = "interrupted"
    name: str = ""
    kept: tuple[str, ...] = ()


class NotRolledBack(PartWay):
    """The run's transaction was lost while statements went on: what they did has stayed."""

    code = "not-rolled-back"
    name: str = ""


class Stopped(MigrateError):
    """A signal from outside ended the run; it was rolled back. `signal_number` is 2 or 15."""

    code = "stopped"

    def __init__(self, signal_number: int, what: str, *, changed: str = "", unchanged: str = "") -> None:
        super().__init__(what, changed=changed, unchanged=unchanged, next_step="run the same command again")
        self.signal_number = signal_number
