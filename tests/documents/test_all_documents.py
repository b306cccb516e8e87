"""Every document: its links lead somewhere, its lines fit, what it names is there."""

import re

import pytest
from documents.reading import DOCUMENTS, anchors, blocks, links, prose, text_of
from support import REPOSITORY

import nukeworks_migrate

EVERY = pytest.mark.parametrize("document", DOCUMENTS)


@EVERY
def test_links_lead_to_files_and_headings_that_are_there(document):
    folder = (REPOSITORY / document).parent
    broken = []
    for link in links(document):
        if link.startswith("https://"):
            continue
        file, _, anchor = link.partition("#")
        target = (folder / file).resolve() if file else REPOSITORY / document
        name = target.relative_to(REPOSITORY).as_posix()
        if not target.is_file() or (anchor and name in DOCUMENTS and anchor not in anchors(name)):
            broken.append(link)
    assert broken == []


@EVERY
def test_lines_are_at_most_110_characters_long(document):
    long = [line for line in text_of(document).splitlines() if len(line) > 110 or line != line.rstrip()]

    assert long == []


@EVERY
def test_the_python_that_is_shown_can_be_parsed(document):
    for block in blocks(document, "python"):
        compile(block.text, f"{document}: {block.file}", "exec")
        assert block.file


@EVERY
def test_commands_that_are_named_are_there(document):
    from nukeworks_migrate.cli.main import commands

    named = re.findall(r"`migrate (?:-d \S+ )?([a-z]+)", " ".join(prose(document).split()))

    assert set(named) - set(commands.list_commands(None)) == set()


def test_the_changelog_begins_with_this_version_and_has_four_kinds_of_headings():
    headings = re.findall(r"^## (.+)$", text_of("CHANGELOG.md"), re.MULTILINE)
    kinds = re.findall(r"^### (.+)$", text_of("CHANGELOG.md"), re.MULTILINE)

    assert headings[0] == nukeworks_migrate.__version__
    assert set(kinds) <= {"Added", "Changed", "Fixed", "Removed"}
