"""Where a migration puts data into the text of its SQL, instead of handing it over as parameters.

A text is built where an f-string, `%`, `+`, `format` or `join` puts something into words that stand in the
file. What it puts in is harmless if it is made of literals and the module's constants alone, whatever
the file does to them on the way: names from a list, a dictionary's keys, one `?` for each value, a
number. Everything else is data: rows, parameters of the migration's functions, files, the environment. Data that went
through a function called quote… or …identifier, or had its quotes doubled, is told apart: for a name there is no
other way.

A text that is handed on whole, as it was read somewhere, is not built. What is built in one function and
run by another that gets it as a parameter is not seen.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from .expressions import shown
from .names import Definition, Imported, Names, Parameter, Scope, Value

_SQL_CALLS = frozenset({"execute", "executemany", "executescript", "query", "scalar", "script"})
_TABLE_CALLS = frozenset({"copy_rows", "transform", "update"})

# Far above what a file by hand needs, about a second; from there on all else is taken as harmless.
_MOST_STEPS = 200_000

# Built-in functions by what is left of their arguments: a number (or one character), the elements, the whole.
_NUMBERS = frozenset({"bool", "chr", "float", "int", "len", "ord", "range"})
_OF_ELEMENTS = frozenset(
    {"enumerate", "filter", "frozenset", "iter", "list", "map", "max", "min", "next", "reversed", "set", "sorted"}
    | {"tuple", "zip"}
)
_OF_WHOLES = frozenset({"ascii", "dict", "format", "repr", "str"})
# Of these modules every function returns what it is given in another shape.
_PURE_MODULES = frozenset({"functools", "inspect", "itertools", "math", "operator", "re", "string", "textwrap"})
_SAME_TEXT = frozenset(
    {"cleandoc", "dedent", "indent", "lower", "lstrip", "removeprefix", "removesuffix", "replace", "rstrip", "strip"}
    | {"split", "splitlines", "upper"}
)

_LETTER = re.compile(r"[^\W\d_]")
_NUMERIC_FORMAT = re.compile(r"[bdeEfFgGnoxX%,]$")
_OTHER_THAN_NUMBER = re.compile(r"%(?:\(\w*\))?[-#0 +]*(?:\d+|\*)?(?:\.(?:\d+|\*))?[^-#0 +\d.*diouxXeEfFgG%]")
_QUOTING = re.compile("quot|identifier", re.IGNORECASE)
_DOUBLED = frozenset({('"', '""'), ("`", "``"), ("'", "''"), ("]", "]]")})


class Origin(IntEnum):
    """What a piece of text is made of, the worst of it."""

    HARMLESS = 0
    QUOTED = 1
    DATA = 2


@dataclass(frozen=True, slots=True)
class BuiltSql:
    """A call that runs a text with data in it."""

    line: int  # where the call begins
    what: str  # the expression that is put in, shortened
    origin: Origin  # QUOTED or DATA


def built_sql(names: Names) -> Iterator[BuiltSql]:
    """Find all calls `<anything>.execute(…)` and its like, with such a text.

    Of `db.transform`, `db.copy_rows` and `db.update` the texts are `where`, and the values in `set`.

    What `db.resource(…)` returns, and what is imported, is taken for no database of the migration's.
    """
    reader = _Reader(names)
    for call, scope in names.calls:
        for text in _texts_of(call):
            if (found := reader.worst(text, scope)) and reader.is_database(call.func, scope):
                part, origin = found
                yield BuiltSql(call.lineno, shown(part), origin)


@dataclass(frozen=True, slots=True)
class _Piece:
    """An expression, as a part of a text."""

    expression: ast.expr
    scope: Scope
    depth: int = 0  # of its elements, as in names.Value
    quoted: bool = False

    def part(self, expression: ast.expr, depth: int = 0) -> _Piece:
        return _Piece(expression, self.scope, depth, self.quoted)

    def of(self, value: Value) -> _Piece:
        return _Piece(value.expression, value.scope, self.depth + value.depth, self.quoted)


class _Reader:
    """Follows expressions to where they come from."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._steps_left = _MOST_STEPS
        self._origins: dict[object, Origin] = {}
        self._worded: dict[object, bool] = {}

    def worst(self, text: ast.expr, scope: Scope) -> tuple[ast.expr, Origin] | None:
        """The worst that is put into `text`, and nearest to where it is put in."""
        found: tuple[ast.expr, Origin] | None = None
        for pieces in self._built(_Piece(text, scope)):
            # Of several the one that is put in, rather than the text that has it already.
            piece = max(pieces, key=lambda each: (self._origin(each), not self._has_words(each)))
            origin = self._origin(piece)
            if origin and (found is None or origin >= found[1]) and any(map(self._has_words, pieces)):
                found = piece.expression, origin
        return found

    def is_database(self, expression: ast.expr, scope: Scope) -> bool:
        """Whether the object of this method may be `db`, its connection or a cursor of that."""
        stack, seen = [(expression, scope)], set()
        while stack:
            expression, scope = stack.pop()
            if (expression, scope) in seen:
                continue
            seen.add((expression, scope))
            match expression:
                case ast.Call(func=ast.Attribute(attr="resource")):
                    return False
                case ast.Call(func=inner) | ast.Attribute(value=inner) | ast.Await(value=inner):
                    stack.append((inner, scope))
                case ast.Name(id=name):
                    bindings = self._names.bindings(name, scope) or []
                    if bindings and all(isinstance(binding, Imported) for binding in bindings):
                        return False
                    stack += ((b.expression, b.scope) for b in bindings if isinstance(b, Value))
        return True

    def _built(self, text: _Piece) -> Iterator[list[_Piece]]:
        """What each building on the way to `text` puts together, from the last one back to the first."""
        for piece in self._reached(text, lambda piece: self._put_together(piece) or self._handed_on(piece)):
            if pieces := self._put_together(piece):
                yield pieces

    def _put_together(self, piece: _Piece) -> list[_Piece]:
        """The parts of which `piece` builds a text; none if it builds no text."""
        match piece.expression:
            case ast.JoinedStr(values=values) if any(isinstance(value, ast.FormattedValue) for value in values):
                parts = [_unformatted(value) for value in values]
            case ast.BinOp(op=ast.Add()):
                parts = _summands(piece.expression)
            case ast.BinOp(op=ast.Mod(), left=left, right=right) if not _takes_only_numbers(left):
                parts = [left, *(right.elts if isinstance(right, ast.Tuple) else [right])]
            case ast.Call(func=ast.Attribute(value=form, attr="format" | "format_map")) as call:
                parts = [form, *_arguments(call)]
            case ast.Call(func=ast.Attribute(value=between, attr="join"), args=[ast.List() | ast.Tuple() as joined]):
                parts = [between, *joined.elts]
            case _:
                return []
        return [piece.part(part) for part in parts]

    def _handed_on(self, piece: _Piece) -> Iterator[_Piece]:
        """The expressions whose text, or one of whose texts, `piece` is."""
        match piece.expression:
            case ast.Name(id=name):
                for binding in self._names.bindings(name, piece.scope) or ():
                    if isinstance(binding, Value):
                        yield _Piece(binding.expression, binding.scope)
            case ast.FormattedValue(value=value) | ast.NamedExpr(value=value) | ast.Starred(value=value):
                yield piece.part(value)
            case ast.Subscript(value=value):
                yield piece.part(value)
            case ast.IfExp(body=one, orelse=other):
                yield from map(piece.part, (one, other))
            case ast.BoolOp(values=values) | ast.Dict(values=values):
                yield from map(piece.part, values)
            case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
                yield from map(piece.part, elements)
            case ast.ListComp(elt=element) | ast.SetComp(elt=element) | ast.GeneratorExp(elt=element):
                yield _Piece(element, self._names.inside[piece.expression])
            case ast.Call(func=ast.Name(id=name)) as call:
                bindings = self._names.bindings(name, piece.scope)
                if (bindings is None and name in _OF_ELEMENTS | _OF_WHOLES) or name in _SAME_TEXT:
                    yield from map(piece.part, call.args)
                yield from self._results(name, piece)
            case ast.Call(func=ast.Attribute(value=holder, attr=method)) as call:
                if method in _SAME_TEXT:
                    yield from map(piece.part, [holder, *call.args])
                elif method == "join":
                    yield from map(piece.part, call.args)

    def _results(self, name: str, piece: _Piece) -> Iterator[_Piece]:
        """What the module's own function of that name returns."""
        for binding in self._names.bindings(name, piece.scope) or ():
            inner: Scope | None = None
            if isinstance(binding, Definition) and not isinstance(binding.node, ast.ClassDef):
                inner = binding.scope
            elif isinstance(binding, Value) and isinstance(binding.expression, ast.Lambda):
                inner = self._names.inside[binding.expression]
            if inner is not None:
                yield from (_Piece(result, inner, piece.depth, piece.quoted) for result in inner.results)

    def _has_words(self, text: _Piece) -> bool:
        """Whether words that stand in the file are a part of this text."""
        key = self._key(text)
        if key not in self._worded:
            reached = self._reached(text, lambda piece: self._put_together(piece) or self._handed_on(piece))
            self._worded[key] = any(_is_worded(piece.expression) for piece in reached)
        return self._worded[key]

    def _origin(self, text: _Piece) -> Origin:
        """What this text is made of."""
        key = self._key(text)
        if key not in self._origins:
            worst = Origin.HARMLESS
            for piece in self._reached(text, lambda piece: self._sources(piece) or ()):
                if self._sources(piece) is None:
                    worst = max(worst, Origin.QUOTED if piece.quoted else Origin.DATA)
                if worst is Origin.DATA:
                    break
            self._origins[key] = worst
        return self._origins[key]

    def _reached(self, start: _Piece, following: Callable[[_Piece], Iterable[_Piece]]) -> Iterator[_Piece]:
        """`start`, what is `following` it, and so on, each once."""
        stack, seen = [start], {self._key(start)}
        while stack and self._steps_left > 0:
            piece = stack.pop()
            yield piece
            for each in following(piece):
                key = self._key(each)
                self._steps_left -= 1
                if key not in seen:
                    seen.add(key)
                    stack.append(each)

    def _key(self, piece: _Piece) -> object:
        """What two pieces share that are the same; a name is the same wherever it is written."""
        if isinstance(piece.expression, ast.Name):
            name = piece.expression.id
            return name, self._names.scope_of(name, piece.scope), piece.depth, piece.quoted
        return piece

    def _sources(self, piece: _Piece) -> list[_Piece] | None:
        """What decides about the content of `piece`; None if that is not in the file."""
        part = piece.part
        match piece.expression:
            case ast.Constant():
                return []
            case ast.JoinedStr(values=values) | ast.BoolOp(values=values):
                return [part(value) for value in values]
            case ast.FormattedValue(value=value, format_spec=form):
                return [] if _makes_number(form) else [part(value), *([part(form)] if form else [])]
            case ast.BinOp(op=ast.Mod(), left=left) if _takes_only_numbers(left):
                return [part(left)]
            case ast.BinOp(op=ast.Mult(), left=left, right=right) if sequences := [
                each for each in (left, right) if _is_sequence(each)
            ]:
                return [part(each, piece.depth) for each in sequences]
            case ast.BinOp(left=left, right=right):
                return [part(left, piece.depth), part(right, piece.depth)]
            case ast.Compare() | ast.UnaryOp(op=ast.Not()):
                return []
            case ast.UnaryOp(operand=value) | ast.Starred(value=value) | ast.NamedExpr(value=value):
                return [part(value, piece.depth)]
            case ast.IfExp(body=one, orelse=other):
                return [part(one, piece.depth), part(other, piece.depth)]
            case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
                return [part(element, max(piece.depth - 1, 0)) for element in elements]
            case ast.Dict(keys=keys, values=values):
                return self._of_mapping(piece, keys, values)
            case ast.ListComp(elt=element) | ast.SetComp(elt=element) | ast.GeneratorExp(elt=element):
                inner = self._names.inside[piece.expression]
                return [_Piece(element, inner, max(piece.depth - 1, 0), piece.quoted)]
            case ast.DictComp(key=key, value=value):
                inner = self._names.inside[piece.expression]
                return [_Piece(each, inner, 0, piece.quoted) for each in ([key] if piece.depth else [key, value])]
            case ast.Lambda(body=body):
                return [_Piece(body, self._names.inside[piece.expression], piece.depth, piece.quoted)]
            case ast.Subscript(value=value):
                return [part(value)]
            case ast.Attribute():
                return self._of_attribute(piece, piece.expression)
            case ast.Name(id=name):
                return self._of_name(piece, name)
            case ast.Call():
                return self._of_call(piece, piece.expression)
        return None

    def _of_mapping(self, piece: _Piece, keys: list[ast.expr | None], values: list[ast.expr]) -> list[_Piece]:
        sources = []
        for key, value in zip(keys, values, strict=True):
            if key is None:  # ** of another mapping
                sources.append(piece.part(value, piece.depth))
            else:
                sources += [piece.part(each) for each in ([key] if piece.depth else [key, value])]
        return sources

    def _of_attribute(self, piece: _Piece, node: ast.Attribute) -> list[_Piece] | None:
        imported = self._names.dotted(node, piece.scope)
        if imported:
            return [] if _is_constant(imported) else None
        return [piece.part(node.value)]

    def _of_name(self, piece: _Piece, name: str) -> list[_Piece] | None:
        sources: list[_Piece] = []
        bindings = self._names.bindings(name, piece.scope)
        if bindings is None:
            return None
        for binding in bindings:
            match binding:
                case Value():
                    sources.append(piece.of(binding))
                case Parameter():
                    given = self._names.arguments(binding)
                    if given is None:
                        return None
                    sources += map(piece.of, given)
                case Definition():
                    continue  # of a class: its constants
                case Imported(target=target) if _is_constant(target):
                    continue
                case _:
                    return None
        return sources

    def _of_call(self, piece: _Piece, call: ast.Call) -> list[_Piece] | None:
        arguments = _arguments(call)
        match call.func:
            case ast.Name(id=name) if _QUOTING.search(name):
                return [_Piece(each, piece.scope, quoted=True) for each in arguments]
            case ast.Name(id=name):
                return self._of_function(piece, name, call)
            case ast.Attribute(value=holder, attr=method):
                if _QUOTING.search(method):
                    return [_Piece(each, piece.scope, quoted=True) for each in arguments]
                imported = self._names.dotted(call.func, piece.scope)
                if imported:
                    return [piece.part(each) for each in arguments] if _is_pure(imported) else None
                match method, call.args:
                    case "replace", [ast.Constant(value=one), ast.Constant(value=two)] if (one, two) in _DOUBLED:
                        return [_Piece(holder, piece.scope, quoted=True)]
                    case "join", [parts]:
                        return [piece.part(holder), piece.part(parts, 1)]
                    case "keys", []:
                        return [piece.part(holder, 1)]
                    case "count" | "find" | "index", _:
                        return []
                is_type = isinstance(holder, ast.Name) and holder.id in _OF_WHOLES  # str.strip, dict.fromkeys
                return [*([] if is_type else [piece.part(holder)]), *map(piece.part, arguments)]
        return None

    def _of_function(self, piece: _Piece, name: str, call: ast.Call) -> list[_Piece] | None:
        bindings = self._names.bindings(name, piece.scope)
        positional = [piece.part(each) for each in call.args]
        if bindings is None:
            if name in _NUMBERS:
                return []
            if name in _OF_ELEMENTS:
                if name == "map" and call.args and isinstance(call.args[0], (ast.Name, ast.Attribute)):
                    mapped = ast.copy_location(ast.Call(call.args[0], call.args[1:], []), call)
                    return [piece.part(mapped)]
                return [piece.part(each, max(piece.depth, 1)) for each in call.args]
            if name in _OF_WHOLES:
                return [*positional, *(piece.part(keyword.value) for keyword in call.keywords)]
            return None
        sources = list(self._results(name, piece))
        for binding in bindings:
            if isinstance(binding, Definition):
                if isinstance(binding.node, ast.ClassDef):
                    sources += map(piece.part, _arguments(call))
            elif isinstance(binding, Imported) and _is_pure(binding.target):
                sources += map(piece.part, _arguments(call))
            elif not (isinstance(binding, Value) and isinstance(binding.expression, ast.Lambda)):
                return None
        return sources


def _texts_of(call: ast.Call) -> list[ast.expr]:
    """The arguments of `call` that are SQL."""
    if not isinstance(call.func, ast.Attribute):
        return []
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    if call.func.attr in _TABLE_CALLS:
        given = named.get("set")
        expressions = given.values if isinstance(given, ast.Dict) else []
        return [*expressions, *([named["where"]] if "where" in named else [])]
    if call.func.attr not in _SQL_CALLS:
        return []
    if call.args:
        return [call.args[0]]
    return [named["sql"]] if "sql" in named else []


def _arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def _summands(total: ast.expr) -> list[ast.expr]:
    summands: list[ast.expr] = []
    stack = [total]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            stack += (node.right, node.left)
        else:
            summands.append(node)
    return summands


def _unformatted(part: ast.expr) -> ast.expr:
    """What stands in the braces of an f-string, unless its format says more about it."""
    return part.value if isinstance(part, ast.FormattedValue) and part.format_spec is None else part


def _is_worded(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and _LETTER.search(node.value) is not None


def _is_sequence(node: ast.expr) -> bool:
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return is_text or isinstance(node, (ast.JoinedStr, ast.List, ast.Tuple))


def _makes_number(form: ast.expr | None) -> bool:
    """Whether a format such as `:d` turns down all but numbers."""
    last = form.values[-1] if isinstance(form, ast.JoinedStr) and form.values else None
    return isinstance(last, ast.Constant) and _NUMERIC_FORMAT.search(str(last.value)) is not None


def _takes_only_numbers(form: ast.expr) -> bool:
    """Whether `form` is a text for `%` that takes numbers alone, such as `LIMIT %d`."""
    is_text = isinstance(form, ast.Constant) and isinstance(form.value, str)
    return is_text and _OTHER_THAN_NUMBER.search(form.value.replace("%%", "")) is None  # type: ignore[attr-defined]


def _is_pure(target: str) -> bool:
    """Whether an imported function can only return what it is given; a helper belongs to the migration."""
    return target.startswith(".") or target.partition(".")[0] in _PURE_MODULES


def _is_constant(target: str) -> bool:
    """Whether an imported name is one of a helper's constants, which are a part of the migration."""
    if target.startswith("."):
        return target.rpartition(".")[2].isupper()
    return target.partition(".")[0] in _PURE_MODULES
