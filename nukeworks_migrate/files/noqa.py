"""Comments by which a file silences findings: `# noqa: NWM101`, `# noqa: NWM101, NWM103`, or `# noqa` for all.

A comment counts for the statement that it stands in or behind, from its first line to its last:

    db.script(\"\"\"
        DROP TABLE drafts;
    \"\"\")  # noqa: NWM101

A statement is what Python calls a logical line. Of a `for`, `with` or `def` that is the part up to the colon and
not the block below it; a comment on a line of its own between statements counts for nothing. The codes of
other tools silence nothing here, and ours nothing there.
"""

from __future__ import annotations

import re

from ..model.findings import Finding
from .source import SourceFile

ALL = "all"  # stands for every code, where a comment names none


def silenced_codes(text: str) -> dict[int, frozenset[str]]:
    """Return the codes that comments in this source text silence, by line; a bare `# noqa` gives `ALL`.

    Text that cannot be cut into tokens silences nothing.
    """
    # Not above: few files have such a comment, and only they are cut into tokens.
    import io
    import tokenize

    codes: dict[int, frozenset[str]] = {}
    found: set[str] = set()
    first = 0  # line of the statement that is being read; 0 between statements
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                if first:
                    found.update(_codes_in(token.string))
            elif token.type == tokenize.NEWLINE:
                if found:
                    codes.update(dict.fromkeys(range(first, token.start[0] + 1), frozenset(found)))
                first, found = 0, set()
            elif not first and token.type not in (tokenize.NL, tokenize.INDENT, tokenize.DEDENT):
                first = token.start[0]
    except (SyntaxError, tokenize.TokenError):
        return {}
    return codes


def not_silenced(findings: tuple[Finding, ...], source: SourceFile) -> tuple[Finding, ...]:
    """Return those of the findings about this file that no comment in it silences.

    A finding whose `where` has no line cannot be silenced.
    """
    if b"noqa" not in source.content.lower():
        return findings
    codes = silenced_codes(source.text)
    return tuple(finding for finding in findings if codes.get(finding.line, set()).isdisjoint((ALL, finding.code)))


def _codes_in(comment: str) -> set[str]:
    codes: set[str] = set()
    for found in re.finditer(r"#\s*noqa\b(\s*:)?\s*((?:[A-Z]+[0-9]+\b[,\s]*)*)", comment, re.IGNORECASE):
        # A colon with no code behind it is more likely a slip than meant for everything.
        codes.update(re.findall("[A-Z]+[0-9]+", found[2].upper()) if found[1] else [ALL])
    return codes
