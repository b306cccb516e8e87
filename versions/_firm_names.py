"""When two spellings are the name of one firm.

Migrations that have been applied depend on this file as it is: another idea of sameness belongs in another
file.
"""

import unicodedata

LEGAL_FORMS = frozenset(["inc", "llc", "ltd", "gmbh", "sa", "ag", "plc", "co", "corp"])


def firm_key(name):
    """Return what all spellings of one firm's name have in common, for comparing only.

    That is the name after NFKC, case folding, collapsing white space and dropping the legal forms at its
    end: "Acme", "ACME,  Inc." and "Acme Co., Ltd." are one firm. A name of nothing but legal forms keeps the
    first: "AG" is a firm. A name that is not text has no other spelling.
    """
    if not isinstance(name, str):
        return name
    words = folded(name).split()
    while words:
        firm, _, form = words[-1].rpartition(",")  # "acme,inc." is one word
        if form.replace(".", "") not in LEGAL_FORMS:
            break
        dropped = words.pop()
        words.append(firm)
        while words and not words[-1].rstrip(","):
            words.pop()
        if not words:
            return dropped
        words[-1] = words[-1].rstrip(",")
    return " ".join(words)


def folded(name):
    """Return `name` after NFKC and case folding, repeated because each can undo the other."""
    result = unicodedata.normalize("NFKC", name)
    while (again := unicodedata.normalize("NFKC", result.casefold())) != result:
        result = again
    return result
