"""Where a database stands against the files: what is pending, and what must not be ignored."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from ..errors import ChecksumDrift, Interrupted, MigrateError, MissingFiles, NewerDatabase
from .graph import MigrationGraph
from .history import Entry, History


class DriftKind(StrEnum):
    CHANGED = "changed"  # the file does not mean any more what ran
    RENAMED = "renamed"  # the version was applied under another name


class Verdict(StrEnum):
    """What stands between an application and its database; of several, the first that holds."""

    INTERRUPTED = "interrupted"
    TOO_NEW = "too-new"
    DRIFTED = "drifted"  # files changed, renamed or missing
    PENDING = "pending"
    OK = "ok"


class Drift(NamedTuple):
    """An applied migration whose file is not the one that ran."""

    version: int
    applied_name: str
    file_name: str
    path: str
    applied_at: str
    kind: DriftKind
    diff: str = ""  # from the stored text to the file; empty where no text was stored


class Standing(NamedTuple):
    """Files and ledger, side by side.

    With `required`, the application wants the state at that version: files above it are neither pending nor known.
    """

    graph: MigrationGraph
    history: History
    drifts: tuple[Drift, ...] = ()
    required: int | None = None  # a version of the graph; None where the application wants all that the files hold

    @property
    def wanted(self) -> frozenset[int]:
        """Versions of the state that the application wants."""
        return self.graph.versions if self.required is None else self.graph.state_at(self.required)

    @property
    def highest_known(self) -> int:
        """The version above which a database is newer than the application."""
        return self.graph.highest if self.required is None else self.required

    @property
    def pending(self) -> list[int]:
        """Versions in files only, in the order in which they would run."""
        return self.graph.in_order(self.wanted - self.history.applied)

    @property
    def newer(self) -> tuple[Entry, ...]:
        """Applied versions above all that is known: the database is newer than this application."""
        highest, wanted = self.highest_known, self.wanted
        return tuple(e for e in self.history.entries if e.version > highest and e.version not in wanted)

    @property
    def missing(self) -> tuple[Entry, ...]:
        """Other applied versions without a file."""
        highest = self.highest_known
        return tuple(e for e in self.history.entries if e.version not in self.graph and e.version <= highest)

    @property
    def verdict(self) -> Verdict:
        """The one answer to whether the database fits the files."""
        if self.history.unfinished:
            return Verdict.INTERRUPTED
        if self.newer:
            return Verdict.TOO_NEW
        if self.missing or self.drifts:
            return Verdict.DRIFTED
        return Verdict.PENDING if self.wanted - self.history.applied else Verdict.OK

    def refusals(self) -> list[MigrateError]:
        """Everything for which up and down refuse, gravest first; empty when a run may begin."""
        found: list[MigrateError] = []
        if self.history.unfinished:
            found.append(self._interrupted())
        if self.newer:
            found.append(self._newer_database())
        if self.missing:
            found.append(self._missing_files())
        found.extend(_drifted(drift) for drift in self.drifts)
        return found

    def refuse_unsound(self, *, but_unfinished: bool = False) -> None:
        """Raise the gravest of `refusals`, with the others named in its cause.

        With `but_unfinished`, an interrupted migration is no reason: it is being resumed.
        """
        found = [error for error in self.refusals() if not (but_unfinished and isinstance(error, Interrupted))]
        if found:
            others = "\n".join(f"also: {error.what}" for error in found[1:])
            found[0].cause = "\n".join(words for words in (found[0].cause, others) if words)
            raise found[0]

    def _interrupted(self) -> Interrupted:
        unfinished = self.history.unfinished[0]
        ended = "applied" if unfinished.direction == "up" else "not-applied"
        back = f"\nor go back: migrate restore {unfinished.snapshot}" if unfinished.snapshot else ""
        next_step = (
            "if it can run again: migrate resume --rerun"
            f"\nif it is finished, or was by hand: migrate stamp --{ended} {unfinished.name}"
        )
        cause = 'with transaction = "none" what it had done has stayed'
        if unfinished.visited is not None:
            next_step = "go on from the checkpoint: migrate resume"
            cause = f"{cause},\nup to a checkpoint behind {unfinished.visited:,} rows"
        error = Interrupted(
            f"{unfinished.name} was interrupted: it began at {unfinished.started_at} and never ended",
            cause=cause,
            unchanged="nothing was run now",
            next_step=next_step + back,
        )
        error.name = unfinished.name
        return error

    def _newer_database(self) -> NewerDatabase:
        newer = ", ".join(_shown(entry) for entry in self.newer[:5])
        if self.required is not None:
            return NewerDatabase(
                f"this database (version {self.history.version}) is newer than this application"
                f" (requires version {self.required})",
                cause=f"applied beyond that version: {newer}",
                next_step="update the application to the latest version",
            )
        return NewerDatabase(
            f"this database (version {self.history.version}) is newer than this application"
            f" (knows {self.graph.highest})",
            cause=f"applied and not known here: {newer}",
            next_step="update the application to the latest version, or name another --versions folder",
        )

    def _missing_files(self) -> MissingFiles:
        names = ", ".join(_shown(entry) for entry in self.missing[:5])
        return MissingFiles(
            f"applied, and without a file: {names}",
            cause="without the file nobody knows what was run, nor how to take it back",
            next_step="bring the file back (git log -- versions/), or say that it does not count:"
            f" migrate stamp --not-applied {self.missing[0].version}",
        )


def _drifted(drift: Drift) -> ChecksumDrift:
    if drift.kind is DriftKind.RENAMED:
        what = f"version {drift.version} was applied as {drift.applied_name}, and the file is {drift.file_name}"
        next_step = f"rename the file back to {drift.applied_name}.py"
    else:
        what = f"{drift.file_name} was changed after it was applied"
        next_step = f"restore the file (git checkout -- {drift.path}) and write a new migration"
    return ChecksumDrift(
        what,
        where=f"{drift.path}, applied {drift.applied_at} UTC",
        cause=drift.diff,
        next_step=f"{next_step}\n"
        f"or, if the change is known to be harmless: migrate accept {drift.file_name} --reason …",
    )


def _shown(entry: Entry) -> str:
    return entry.name or str(entry.version)
