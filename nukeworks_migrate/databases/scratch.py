"""What a rehearsal asks of a database: a private copy to run on, and what a step made of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple

from ..errors import RehearsalRefused
from ..model.report import TouchedTables
from ..model.rows import Difference
from ..model.schema import Schema
from .base import Database
from .writing import Writer

UNTOUCHED = "the database was not touched: this ran on a copy, which is gone"


class Looking(NamedTuple):
    """How differences of rows are shown."""

    samples: int = 3  # rows of each table, and of each of added, changed and deleted
    redact: tuple[str, ...] = ()  # columns whose values are not shown: table.column, or column for every table
    leave_out: tuple[tuple[str, str], ...] = ()  # rows that are not compared: table, and their condition in SQL


class Before(ABC):
    """The copy as it was when a step began. It stays readable while the step's work is in the copy too."""

    schema: Schema  # without the framework's own tables, as in `after`
    after: Schema | None  # what `difference` found committed in the copy; None until then

    @abstractmethod
    def difference(self, writer: Writer, touched: TouchedTables, looking: Looking) -> Difference:
        """Compare with what `writer` sees now: the schema, and the rows of the `touched` tables.

        Tables that came or went, or whose columns did, are compared besides; the rows of all others are taken to be
        the same. Where `writer` has a transaction open, that is the last look: the kept state ends with it, and the
        transaction has to be rolled back.
        """


class Scratch(ABC):
    """A private copy of a database, or an empty one of its kind; it is gone when it is closed."""

    database: Database  # to be run on like any other
    size_bytes: int  # of the copy as it was made
    seconds: float  # that copying took

    @abstractmethod
    def writer(self, stop_requested: Callable[[], bool]) -> AbstractContextManager[Writer]:
        """Open it for the steps; the same writer serves them all."""

    @abstractmethod
    def before(self, writer: Writer, *, alone: bool) -> AbstractContextManager[Before]:
        """Keep the present state for comparison until it closes.

        `alone`: for a step without transaction, which may do what a kept state would stand in the way of.
        """

    @abstractmethod
    def aside(self, writer: Writer) -> AbstractContextManager[Writer]:
        """Give a writer over a copy of the copy, for what cannot be rolled back; both are gone when it closes."""

    @abstractmethod
    def refusal_of(self, error: BaseException) -> RehearsalRefused | None:
        """What to raise in place of `error` where the copy caused it and no migration did: it has no room left."""

    @abstractmethod
    def size_now(self, writer: Writer) -> int:
        """Bytes that the database in the copy has now, as `writer` sees it."""
