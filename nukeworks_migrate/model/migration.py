"""What is known of one migration before it runs."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

HIGHEST_VERSION = 2**63 - 1  # what an INTEGER PRIMARY KEY of SQLite and a BIGINT elsewhere can hold


class TransactionMode(StrEnum):
    """How a migration's statements are grouped when it runs."""

    SINGLE = "single"  # all statements and the ledger row commit together
    NONE = "none"  # each statement commits by itself; a failure leaves the earlier ones


class Migration(NamedTuple):
    """One file of `versions/`, read but not run.

    `depends_on` is as it stands in the file: names, or versions as strings. `checksum` is the SHA-256 of
    the file with line endings as LF and without byte-order mark, in lower-case hex, and of the helpers
    that it imports, so that two checkouts of one commit agree.
    """

    version: int  # the number that the file name starts with; unique in the folder
    name: str  # the file name without .py: 0017_client_tier
    path: str = ""  # as it is shown: versions/0017_client_tier.py
    description: str = ""  # the first line of the docstring
    depends_on: tuple[str, ...] = ()
    depends_on_line: int = 0  # where the header stands; 0 when there is none
    checksum: str = ""
    transaction: TransactionMode = TransactionMode.SINGLE
    resources: tuple[str, ...] = ()  # what the application has to hand in
    has_downgrade: bool = True
    has_check: bool = False
    has_verify: bool = False
