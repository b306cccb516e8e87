"""`migrate data retry`: a migration's code runs again, and does nothing but the rows in quarantine.

The function of a transform may be anything that upgrade() makes as it goes, with a resource in it for one; so
upgrade() itself runs, with a handle that leaves out what has been done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NoReturn

from ..databases.base import Parameters, Row
from ..errors import StepFailed
from ..model.reads import only_reads
from .alteration import TableAlteration
from .handle import Handle


class RetryHandle(Handle):
    """`db` in a retry: it reads and computes as ever; what wrote anything but the rows in quarantine does nothing."""

    def execute(self, sql: str, params: Parameters = ()) -> int:
        return 0

    def executemany(self, sql: str, rows: Iterable[Parameters]) -> int:
        return 0

    def query(self, sql: str, params: Parameters = ()) -> list[Row]:
        if not only_reads(sql):
            self._refuse("a query that writes")
        return super().query(sql, params)

    def update(self, table: str, **_: Any) -> int:
        self._data.pass_over()
        return 0

    @contextmanager
    def alter_table(self, table: str) -> Iterator[TableAlteration]:
        alteration = TableAlteration(table)
        try:
            yield alteration
        finally:
            alteration.close()

    def transaction(self) -> AbstractContextManager[None]:
        return nullcontext()

    @property
    def connection(self) -> Any:
        self._refuse("db.connection")

    def _refuse(self, what: str) -> NoReturn:
        raise StepFailed(
            f"{what} is not given in a retry",
            cause="nobody knows what it would do again",
            next_step="correct the rows in quarantine by a migration of their own",
        )


def refuse_unreached(handle: Handle, numbers: Mapping[int, Any]) -> None:
    """Raise StepFailed where the code did not come to a call that has rows in quarantine."""
    missing = sorted(set(numbers) - handle._data.reached)
    if missing:
        raise StepFailed(
            f"number {missing[0]} of its transforms and copies was not reached",
            cause="the code went another way than the first time, and rows in quarantine would be left out",
            next_step="let it come to the same calls in the same order",
        )
