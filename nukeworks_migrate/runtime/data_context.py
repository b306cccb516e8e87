"""What the data work of a step needs besides its session; the work itself is imported when a migration asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ..databases.base import Deadline
    from ..databases.checkpoints import Checkpoints
    from ..databases.quarantine import Quarantined
    from ..databases.writing import StepSession, Writer


class DataContext(NamedTuple):
    """The database as the run has it, and how the run wants its data work done."""

    writer: Writer
    run_id: str
    deadline: Callable[[], Deadline]
    redact: tuple[str, ...] = ()
    checkpoints: Checkpoints | None = None  # of a step without transaction
    paced: bool = True  # a rehearsal waits for nobody
    retried: Mapping[int, Sequence[Quarantined]] | None = None  # by number of the call; None: this is no retry

    def note_statements(self, session: StepSession) -> None:
        """Say, for whoever resumes it, that the step runs a statement that has no checkpoint.

        One in check() counts too: what it keeps of the connection may write later.
        """
        checkpoints = self.checkpoints
        if checkpoints is None or checkpoints.says_statements:
            return
        checkpoints.says_statements = True
        if not checkpoints.begun:
            return  # its beginning will say so
        with session.own_statements():
            if not session.commits_each_statement:
                checkpoints.note_statements()
                return
            self.writer.begin(self.deadline())
            checkpoints.note_statements()
            self.writer.commit(self.deadline())
