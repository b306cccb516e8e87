"""What the tests take out of the documents: their files, transcripts, tables and links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from support import REPOSITORY

DOCUMENTS = (
    "README.md",
    "CHANGELOG.md",
    "docs/writing-migrations.md",
    "docs/data-migrations.md",
    "docs/applications.md",
    "docs/reference.md",
    "docs/how-it-works.md",
)
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the file that its first line names."""

    language: str
    text: str

    @property
    def file(self) -> str:
        first = self.text.partition("\n")[0]
        return first.removeprefix("# ") if re.fullmatch(r"# [\w./-]+", first) else ""


@cache
def text_of(document: str) -> str:
    return (REPOSITORY / document).read_text(encoding="utf-8")


def blocks(document: str, language: str) -> list[Block]:
    found = [Block(*match.groups()) for match in _FENCE.finditer(text_of(document))]
    return [block for block in found if block.language == language]


def migrations(document: str) -> dict[str, str]:
    """The files of versions/ that a document shows, by name."""
    shown = [block for block in blocks(document, "python") if block.file.startswith("versions/")]
    files = {block.file.removeprefix("versions/"): block.text for block in shown}
    assert len(files) == len(shown), "a file is shown twice"
    return files


def prose(document: str) -> str:
    """A document without its fenced blocks."""
    return _FENCE.sub("", text_of(document))


def sections(document: str) -> dict[str, str]:
    """The text under each heading, by the heading's words without backquotes."""
    pieces = re.split(r"^#+ (.+)$", prose(document), flags=re.MULTILINE)
    found = {title.replace("`", ""): body for title, body in zip(pieces[1::2], pieces[2::2], strict=True)}
    assert len(found) == len(pieces) // 2, "a heading stands twice"
    return found


def table(document: str, *headings: str) -> list[list[str]]:
    """The rows of the table whose first columns have these headings."""
    lines = text_of(document).splitlines()
    (start,) = [place for place, line in enumerate(lines) if line.startswith(f"| {' | '.join(headings)} |")]
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))])
    assert rows
    return rows


def code(cell: str) -> list[str]:
    """What stands between backquotes."""
    return re.findall(r"`([^`]+)`", cell)


def links(document: str) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", prose(document))


def anchors(document: str) -> set[str]:
    """What a link can point to, as GitHub makes it of headings."""
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in sections(document)}


def normalised(text: str) -> str:
    """Output without what differs from run to run: times, durations, ids; and without white space at line ends."""
    text = re.sub(r"\d{8}T\d{6}Z-(\d{4})-[0-9a-f]{4}", r"ID-\1", text)
    text = re.sub(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?", "TIME", text)
    text = re.sub(r" *\d+\.\d\d s\b", " SECONDS", text)
    text = re.sub(r"\bby \w+", "by WHO", text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())
