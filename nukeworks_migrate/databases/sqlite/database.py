"""The SQLite database as a whole: what `Database` asks for, put together from this folder's parts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from ...errors import DatabaseRefused
from ..base import Capabilities, Database, Deadline, Lifted, Reader, StopRequested, StrPath
from .connection import open_reader
from .files import COMPANIONS, path_of

if TYPE_CHECKING:
    from pathlib import Path

    from ..scratch import Scratch
    from ..writing import CopyResult, Holder, Restore
    from .writer import SqliteWriter


class SqliteDatabase(Database):
    """One SQLite file. Links are followed once, so that every runner locks the same lock file."""

    engine = "sqlite"
    capabilities = Capabilities(transactional_ddl=True, alters_columns_in_place=False, session_lock=False)
    snapshot_ending = ".sqlite"
    run_locks = "nobody else can write meanwhile; others read while its changes fit in memory"

    def __init__(self, url: str, *, base: str) -> None:
        """Name the file that `url` means, relative to `base`."""
        written = path_of(url, base=base)
        self.path = os.path.realpath(os.path.join(base, written))
        self.label = written

    @property
    def identity(self) -> str:
        return f"sqlite:{self.path}"

    def exists(self) -> bool:
        self._refuse_folder()
        return os.path.isfile(self.path)

    def size_bytes(self) -> int:
        total = 0
        for name in (self.path, f"{self.path}-wal"):
            try:
                total += os.path.getsize(name)
            except OSError:
                pass
        return total

    def keeps(self, path: StrPath) -> bool:
        # To open and close such a file would drop the locks that this process holds on it through SQLite.
        for ending in ("", *COMPANIONS, "-migrate-lock"):
            with suppress(OSError):
                own = f"{self.path}{ending}"
                if os.path.realpath(path) == own or os.path.samefile(path, own):
                    return True
        return False

    def reader(self, wait: Deadline | None = None) -> AbstractContextManager[Reader]:
        return open_reader(self.path, self.label, wait, self._refuse_folder)

    @contextmanager
    def writer(self, stop_requested: StopRequested) -> Iterator[SqliteWriter]:
        from pathlib import Path

        from .writer import SqliteWriter

        self._refuse_folder()
        writer = SqliteWriter(Path(self.path), self.label, stop_requested)
        try:
            yield writer
        finally:
            writer.close()

    def recover(self) -> None:
        with self.writer(lambda: False) as writer:
            writer.begin(Deadline(2.0))  # the first lock of a writer plays the journal back
            writer.rollback()

    def migration_lock(
        self, holder: Holder, deadline: Deadline, on_wait: Callable[[Holder | None], None]
    ) -> AbstractContextManager[None]:
        from pathlib import Path

        from .lock import hold_lock
        from .writer import refuse_unwritable

        self._refuse_folder()
        refuse_unwritable(Path(self.path), self.label)
        return hold_lock(Path(self.path), self.label, holder, deadline, on_wait)

    def statements(self, sql: str) -> list[str]:
        from .statements import split_statements

        return split_statements(sql)

    def copy_to(self, path: Path, deadline: Deadline, on_progress: Callable[[int, int], None]) -> CopyResult:
        from .copies import copy_database

        with open_reader(self.path, self.label) as reader:
            return copy_database(reader.raw, path, deadline, on_progress)

    @contextmanager
    def scratch(
        self, deadline: Deadline, on_progress: Callable[[int, int], None], *, empty: bool = False
    ) -> Iterator[Scratch]:
        from .scratch import scratch_copy

        if empty or not self.exists():
            with scratch_copy(None, self.label, 0, deadline, on_progress) as scratch:
                yield scratch
            return
        with ExitStack() as copying:
            # Closed as soon as the copy is made: a reader holds up whoever commits.
            reader = copying.enter_context(open_reader(self.path, self.label, deadline))
            with scratch_copy(reader.raw, self.label, self.size_bytes(), deadline, on_progress) as scratch:
                copying.close()
                yield scratch

    def out_of_reach(self) -> AbstractContextManager[Lifted]:
        from .reach import out_of_reach

        return out_of_reach(self.path, self.label)

    def check_copy(self, path: Path, *, thorough: bool) -> str:
        from .copies import check_copy

        return check_copy(path, thorough=thorough)

    def restore(self, snapshot: Path, restore: Restore) -> str:
        from pathlib import Path

        from .copies import restore_database

        self._refuse_folder()
        return restore_database(Path(self.path), self.label, snapshot, restore)

    def _refuse_folder(self) -> None:
        """Say in words what SQLite calls "unable to open database file"."""
        if os.path.isdir(self.path):
            raise DatabaseRefused(f"{self.label} is a folder", next_step="name the file in it: --database")
        if not os.path.isdir(os.path.dirname(self.path)):
            raise DatabaseRefused(
                f"the folder of {self.label} does not exist",
                where=os.path.dirname(self.path),
                next_step="make the folder, or correct the path: --database",
            )
