"""The values of resources, kept out of all that a step says.

A migration that has a key may log it, put it into a statement, or raise an exception whose words hold it. What it
says goes to a terminal, into the ledger and into the log of an application; so each text is looked through on its way.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from traceback import format_exception_only
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any, TypeVar

from ..model.plan import Step

T = TypeVar("T")

HIDDEN = "***"
_SHORTEST = 4  # characters; what is shorter would be found in every other word
_DEEPEST = 3  # containers in containers
_MOST_KNOWN = 256  # texts whose answer is kept: a statement that runs for each row is looked through once


class Secrets:
    """Texts that must not be told: the values of resources that are str or bytes, or hold some in a container.

    Other objects are not looked into: what a cipher or a client shows of itself is its own business, and asking it
    could be taken for using it. The keys of a mapping are taken for names.
    """

    def __init__(self, values: Iterable[object] = ()) -> None:
        found = {text for value in values for text in _texts_in(value, _DEEPEST)}
        forms = {form for text in found for form in _forms(text) if len(form) >= _SHORTEST}
        self._forms = sorted(forms, key=len, reverse=True)  # the longest first: one may hold another
        self._known: dict[str, str] = {}

    @classmethod
    def of(cls, steps: Iterable[Step], resources: Mapping[str, Any]) -> Secrets:
        """What the migrations of `steps` ask for."""
        names = {name for step in steps for name in step.migration.resources}
        return cls(resources[name] for name in sorted(names))

    def hidden(self, text: str) -> str:
        """Return `text` with *** for each value: as it is, escaped, in hexadecimal and in base64."""
        if not self._forms:
            return text
        known = self._known.get(text)
        if known is None:
            known = text
            for form in self._forms:
                known = known.replace(form, HIDDEN)
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[text] = known
        return known

    def told(self, value: T) -> T:
        """Return `value` with *** for each value in its texts, also inside of containers and of our own records."""
        return self._told(value, 2 * _DEEPEST, records=True) if self._forms else value

    def told_error(self, error: BaseException) -> BaseException:
        """Take the values out of `error` and of all that caused it, in place; return it, or what stands in for it.

        Words that cannot be replaced, because a class makes them up anew, are cut out together with their exception:
        one of the same name and with the same traceback takes its place in the chain.
        """
        if not self._forms:
            return error
        found: dict[int, tuple[BaseException, BaseException]] = {}
        waiting: list[BaseException | None] = [error]
        while waiting:
            link = waiting.pop()
            if link is not None and id(link) not in found:
                found[id(link)] = link, self._without_words(link)
                waiting += [link.__cause__, link.__context__, *_members(link)]
        for link, _ in reversed(found.values()):  # groups in groups: the inner ones were found after the outer
            if any(found[id(member)][1] is not member for member in _members(link)):
                found[id(link)] = link, _stand_in(link)
        for link, shown in found.values():
            suppressed = link.__suppress_context__
            cause, context = link.__cause__, link.__context__
            shown.__cause__ = found[id(cause)][1] if cause is not None else None
            shown.__context__ = found[id(context)][1] if context is not None else None
            shown.__suppress_context__ = suppressed
        return found[id(error)][1]

    def _without_words(self, error: BaseException) -> BaseException:
        """Replace what `error` holds: its arguments, attributes and notes; a stand-in where it shows a value still."""
        for name, value in list(error.__dict__.items()):
            told = self._told(value, _DEEPEST)
            if told is not value:
                error.__dict__[name] = told
        # What a class written in C, or one with __slots__, keeps outside of __dict__: `args`, `strerror`, `object`.
        for kind in type(error).__mro__:
            for name, place in vars(kind).items():
                if name.startswith("__") or not isinstance(place, (GetSetDescriptorType, MemberDescriptorType)):
                    continue
                try:
                    value = place.__get__(error)
                    told = self._told(value, _DEEPEST)
                    if told is not value:
                        place.__set__(error, told)
                except (AttributeError, TypeError, ValueError):
                    continue  # not set, or not to be set: what it shows decides
        return _stand_in(error) if any(self.hidden(words) != words for words in _words_of(error)) else error

    def _told(self, value: Any, depth: int, *, records: bool = False) -> Any:
        """`value` itself where there is nothing to hide in it."""
        if isinstance(value, str):
            shown = self.hidden(str.__str__(value))
            return shown if shown != value else value
        if isinstance(value, (bytes, bytearray)):
            text = value.decode("latin-1")
            shown = self.hidden(text)
            return type(value)(shown.encode("latin-1")) if shown != text else value
        if not depth:
            return value
        if isinstance(value, (tuple, list, set, frozenset)):
            items = list(value)
            told = [self._told(item, depth - 1, records=records) for item in items]
            if all(new is old for new, old in zip(told, items, strict=True)):
                return value
            kinds = (tuple, list, set, frozenset)
            return next(kind(told) for kind in kinds if isinstance(value, kind))
        if isinstance(value, dict):
            pairs = list(value.items())
            shown_pairs = [
                (self._told(key, depth - 1), self._told(item, depth - 1, records=records)) for key, item in pairs
            ]
            same = all(a is c and b is d for (a, b), (c, d) in zip(shown_pairs, pairs, strict=True))
            return value if same else dict(shown_pairs)
        if records and is_dataclass(value) and not isinstance(value, type):
            parts = {field.name: getattr(value, field.name) for field in fields(value)}
            shown_parts = {name: self._told(part, depth - 1, records=True) for name, part in parts.items()}
            changed = {name: part for name, part in shown_parts.items() if part is not parts[name]}
            return replace(value, **changed) if changed else value
        return value


def _texts_in(value: object, depth: int) -> Iterator[str | bytes]:
    if isinstance(value, str):
        if len(value) >= _SHORTEST:
            yield str.__str__(value)
    elif isinstance(value, (bytes, bytearray)):
        if len(value) >= _SHORTEST:
            yield b"".join((value,))
    elif depth and isinstance(value, (tuple, list, set, frozenset, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts_in(item, depth - 1)


def _forms(value: str | bytes) -> Iterator[str]:
    """How a value may be written; a key that was read from a file is used without its line end, too."""
    data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    texts = {value} if isinstance(value, str) else {value.decode("latin-1")}
    try:
        texts.add(data.decode("utf-8"))
    except UnicodeDecodeError:
        pass
    texts.add(data.decode("latin-1"))  # what bytes are looked through as
    for text in texts | {text.strip() for text in texts}:
        for form in (text, *_escaped(text), *_escaped(repr(text)[1:-1])):
            yield from (form, form.replace("'", "''"))
    for part in {form for form in (data, data.strip()) if len(form) >= _SHORTEST}:
        for form in _escaped(part):
            yield from (form, form.replace("'", "''"))
        yield from (part.hex(), part.hex().upper())
        encoded = b2a_base64(part, newline=False).decode()
        for form in (encoded, encoded.replace("+", "-").replace("/", "_")):
            yield from (form, form.rstrip("="))


def _escaped(value: str | bytes) -> tuple[str, str]:
    """What repr() makes of it, alone or inside of a text that has other quotes."""
    shown = repr(value).lstrip("b")[1:-1].replace("\\'", "'")
    return shown, shown.replace("'", "\\'")


def _members(error: BaseException) -> tuple[BaseException, ...]:
    return error.exceptions if isinstance(error, BaseExceptionGroup) else ()


def _words_of(error: BaseException) -> Iterator[str]:
    """What a traceback would print of `error`, and what a program may make of it."""
    yield "".join(format_exception_only(error))
    for show in (str, repr):
        try:
            yield show(error)
        except Exception:  # a class of the migration's own that cannot show itself shows nothing
            continue


def _stand_in(error: BaseException) -> BaseException:
    kind = type(error)
    shown: BaseException = type(kind.__name__, (Exception,), {"__module__": kind.__module__})(HIDDEN)
    notes = error.__dict__.get("__notes__")
    if isinstance(notes, list):
        shown.__dict__["__notes__"] = notes
    return shown.with_traceback(error.__traceback__)
