"""The SQL that stands in a migration's functions as literals, read from the syntax tree; and what it does to tables
by calls that make their SQL themselves, see `table_calls`.

It is what a plan can show, and judge, without importing or running the file. What is told is
told for certain: a text that depends on anything but literals is counted and not guessed. Whether a
call is reached is another matter: one under an `if`, or after a `return`, is listed like any other.

There are two halves. The walk (`walk`) goes over a function once and notes, in order of evaluation, the calls,
names and loops in it, and what each name is bound to. The reading goes over these notes in order of
execution, through loops over literals and into the module's own functions. Neither recurses: a chain
of a thousand `+` or calls is no deeper to them than one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from .table_calls import CHANGES, Change, Lookup, TableCall, alteration, change_of, table_call
from .walk import SQL_CALLS, Alteration, Block, Bound, Event, Scope, Walk, loop_variables, looped_over, scope_of

UNKNOWN_TABLE = "?"

# Far above what anybody writes by hand; nested loops and names made of names multiply.
_MOST_TURNS = 10_000  # of all loops of a function; what comes later is read as a loop over unknown values
_MOST_PIECES = 10_000  # of one statement's text; a longer one counts as built at run time


@dataclass(frozen=True, slots=True)
class SqlLiteral:
    """A text of SQL that is known without running the migration."""

    sql: str
    line: int  # where the call that runs it begins, also when the text stands elsewhere
    call: str  # execute, executemany, script, query or scalar


@dataclass(frozen=True, slots=True)
class SqlInFunction:
    """What a function of a migration says to the database, as far as its file tells.

    Each text of each call is listed once, however often it would run, and a function of the module at the
    first place that mentions it.
    """

    in_order: tuple[SqlLiteral | TableCall, ...] = ()
    dynamic: int = 0  # calls with a statement that is built at run time, wholly or in one turn of a loop
    transforms: tuple[str, ...] = ()  # tables that are transformed; "?" where the name is built at run time

    @property
    def literals(self) -> tuple[SqlLiteral, ...]:
        return tuple(each for each in self.in_order if isinstance(each, SqlLiteral))


def sql_in_function(tree: ast.Module, function: str) -> SqlInFunction:
    """Return what `function` ("upgrade", "downgrade") and the module's own functions that it mentions run.

    The SQL of a call `<anything>.execute(…)` (executemany, script, query, scalar) is its first argument
    or its `sql=`. It is known where it is a string, a sum or an f-string of known strings, a name that
    is bound once to such (in the function, around it or in the module), or the variable of a `for` over
    a tuple or list of such, which may be unpacked, named or reversed(). A list that has a name is
    followed only if nothing but loops ever uses that name: anything else might add to it.

    The order is that of execution, as far as it does not depend on data; a block of `db.alter_table` acts at its
    end. A function that `tree` does not define runs nothing.
    """
    return _Reader(tree).read(function)


def sql_literals(tree: ast.Module, function: str) -> tuple[SqlLiteral, ...]:
    """Return only the literals of `sql_in_function`."""
    return sql_in_function(tree, function).literals


_Value = tuple[ast.expr, Scope]  # an expression, and where its names are to be looked up
_Turn = dict[tuple[Scope, str], _Value]  # the loop variables in one turn of the loops around


@dataclass(slots=True, eq=False)
class _Open:
    """A block of `db.alter_table` that is being read."""

    name: str
    scope: Scope | None  # of its name
    call: ast.Call
    names: Lookup
    is_whole: bool  # whether all that it asks for is in `changes`
    changes: list[Change] = field(default_factory=list)


class _Reader:
    """Goes through what a walk noted, in order of execution, and makes texts of it."""

    def __init__(self, tree: ast.Module) -> None:
        self._notes = Walk(tree)
        self._told: dict[tuple[ast.Call, str], SqlLiteral | TableCall] = {}
        self._transforms: dict[tuple[ast.Call, str], None] = {}
        self._dynamic: set[ast.Call] = set()
        self._open: list[_Open] = []
        self._used_elsewhere: set[tuple[Scope | None, str]] = set()  # names of blocks, where none of these is open
        self._turns_left = _MOST_TURNS

    def read(self, function: str) -> SqlInFunction:
        root = self._notes.block_of(function) if function in self._notes.functions else None
        if root is None:
            return SqlInFunction()
        entered = {function}
        nothing: _Turn = {}
        stack: list[tuple[Block, Iterator[Event], _Turn]] = [(root, iter(root.events), nothing)]
        while stack:
            block, events, turn = stack[-1]
            event = next(events, None)
            if event is None:
                stack.pop()
            elif isinstance(event, str):
                own = self._notes.block_of(event) if event not in entered else None
                if own is not None and not _is_bound_around(event, block.scope):
                    entered.add(event)
                    stack.append((own, iter(own.events), nothing))
            elif isinstance(event, ast.Call):
                self._read_call(event, block.scope, turn)
            elif isinstance(event, Alteration):
                self._read_alteration(event, block.scope, turn)
            else:
                turns = self._turns(event.loop, event.scope, turn) if event.loop is not None else [turn]
                stack.extend((event, iter(event.events), turn) for turn in reversed(turns))
        return SqlInFunction(tuple(self._told.values()), len(self._dynamic), tuple(t for _, t in self._transforms))

    def _read_call(self, call: ast.Call, scope: Scope, turn: _Turn) -> None:
        method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if method in CHANGES:
            self._read_change(call, scope, turn)
            return
        argument = _first_argument(
            call, "sql" if method in SQL_CALLS else "source" if method == "copy_rows" else "table"
        )
        if argument is None:
            return
        text = self._text(argument, scope, turn)
        if method not in SQL_CALLS:
            self._tell(call, table_call(call, _Names(self, scope, turn)))
            if method == "transform":
                self._transforms[call, UNKNOWN_TABLE if text is None else text] = None
        elif text is None:
            self._dynamic.add(call)
        else:
            self._told.setdefault((call, text), SqlLiteral(text, call.lineno, method))

    def _tell(self, call: ast.Call, told: TableCall) -> None:
        self._told.setdefault((call, told.text), told)

    def _read_alteration(self, event: Alteration, scope: Scope, turn: _Turn) -> None:
        if event.call is not None:
            found = scope_of(event.name, scope)
            is_certain = found is not None and found.values[event.name] is Bound.ALTERATION
            is_whole = is_certain and (found, event.name) not in self._used_elsewhere
            self._open.append(_Open(event.name, found, event.call, _Names(self, scope, turn), is_whole))
        elif event.ends:
            ended = self._open.pop()
            if ended.changes or not ended.is_whole:
                told = alteration(ended.call, ended.names, ended.changes, is_whole=ended.is_whole)
                self._tell(ended.call, told)
        elif opened := self._opened(event.name, scope):
            opened.is_whole = False

    def _read_change(self, call: ast.Call, scope: Scope, turn: _Turn) -> None:
        match call.func:
            case ast.Attribute(value=ast.Name(id=name)) if opened := self._opened(name, scope):
                opened.changes.append(change_of(call, _Names(self, scope, turn)))

    def _opened(self, name: str, scope: Scope) -> _Open | None:
        """The block of alter_table that has this name in `scope`, while it is open."""
        found = scope_of(name, scope)
        for opened in reversed(self._open):
            if opened.name == name and opened.scope is found:
                return opened
        self._used_elsewhere.add((found, name))
        return None

    def _text(self, expression: ast.expr, scope: Scope, turn: _Turn) -> str | None:
        """The string that `expression` comes to, or None if that cannot be told."""
        pieces: list[str] = []
        stack: list[tuple[ast.expr, Scope, bool]] = [(expression, scope, False)]
        for _ in range(_MOST_PIECES):
            if not stack:
                return "".join(pieces)
            node, scope, formatted = stack.pop()
            match node:
                case ast.Constant(value=str() as text):
                    pieces.append(text)
                case ast.Constant(value=int() as number) if formatted and number < 2**63:
                    pieces.append(str(number))
                case ast.BinOp(op=ast.Add()):
                    stack += [(node.right, scope, False), (node.left, scope, False)]
                case ast.JoinedStr():
                    stack.extend((value, scope, False) for value in reversed(node.values))
                case ast.FormattedValue(conversion=-1 | 115, format_spec=None):  # {x} and {x!s}
                    stack.append((node.value, scope, True))
                case ast.Name():
                    value = self._value(node.id, scope, turn)
                    if value is None:
                        return None
                    stack.append((*value, formatted))
                case _:
                    return None
        return None

    def _value(self, name: str, scope: Scope, turn: _Turn) -> _Value | None:
        """The one expression that `name` is bound to, as seen from `scope`."""
        found = scope_of(name, scope)
        if found is None:
            return None
        if found is self._notes.module:
            self._notes.finish()
        value = found.values[name]
        if value is Bound.LOOP:
            return turn.get((found, name))
        return None if isinstance(value, Bound) else (value, found)

    def _turns(self, loop: ast.For, scope: Scope, turn: _Turn) -> list[_Turn]:
        """The loop variables, known so far, for each turn of `loop`; one turn if they cannot be told."""
        over, backwards = looped_over(loop.iter)
        if backwards and scope_of("reversed", scope) is not None:
            return [turn]
        value: _Value | None = (over, scope)
        if isinstance(over, ast.Name):
            value = self._value(over.id, scope, turn)
            if value is not None and isinstance(value[0], ast.List) and over.id in self._notes.used:
                return [turn]
        elements = _elements(value[0]) if value is not None else None
        if value is None or elements is None or len(elements) > self._turns_left:
            return [turn]
        self._turns_left -= len(elements)
        turns = []
        for element in reversed(elements) if backwards else elements:
            parts = [element] if isinstance(loop.target, ast.Name) else _elements(element) or []
            names = loop_variables(loop.target)
            bound = zip(names, parts, strict=True) if len(names) == len(parts) else ()
            turns.append({**turn, **{(scope, name): (part, value[1]) for name, part in bound}})
        return turns


@dataclass(frozen=True, slots=True)
class _Names:
    """What names stand for in one place, as `table_calls` asks for it."""

    reader: _Reader
    scope: Scope
    turn: _Turn

    def text(self, expression: ast.expr) -> str | None:
        return self.reader._text(expression, self.scope, self.turn)

    def follow(self, expression: ast.expr) -> tuple[ast.expr, Lookup]:
        """Through names, to anything but a list or a dictionary, to which something may be added elsewhere."""
        followed, names = expression, self
        for _ in range(_MOST_PIECES):
            if not isinstance(followed, ast.Name):
                break
            value = self.reader._value(followed.id, names.scope, self.turn)
            if value is None:
                return expression, self
            followed, names = value[0], _Names(self.reader, value[1], self.turn)
        is_changeable = followed is not expression and not isinstance(followed, (ast.Constant, ast.Tuple))
        return (expression, self) if is_changeable else (followed, names)


def _first_argument(call: ast.Call, keyword: str) -> ast.expr | None:
    """The first argument, or the one called `keyword`; what stands for it in `*args` or `**more`."""
    if call.args:
        return call.args[0]
    return next((each.value for each in call.keywords if each.arg in (keyword, None)), None)


def _elements(node: ast.expr) -> list[ast.expr] | None:
    if not isinstance(node, (ast.Tuple, ast.List)):
        return None
    return None if any(isinstance(element, ast.Starred) for element in node.elts) else node.elts


def _is_bound_around(name: str, scope: Scope) -> bool:
    """Whether `name`, in `scope`, is something else than the module's."""
    found = scope_of(name, scope)
    return found is not None and found.outer is not None
