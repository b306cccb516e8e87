"""The SQL that stands in a migration's functions as literals, read from the syntax tree.

It is what a plan can show, and judge, without importing or running the file. What is told is
told for certain: a text that depends on anything but literals is counted and not guessed. Whether a
call is reached is another matter: one under an `if`, or after a `return`, is listed like any other.

There are two halves. The walk goes over a function once and notes, in order of evaluation, the calls,
names and loops in it, and what each name is bound to. The reading goes over these notes in order of
execution, through loops over literals and into the module's own functions. Neither recurses: a chain
of a thousand `+` or calls is no deeper to them than one.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from typing import Any

_SQL_CALLS = frozenset({"execute", "executemany", "script", "query", "scalar"})
_CALLS = _SQL_CALLS | {"transform"}

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

    literals: tuple[SqlLiteral, ...] = ()
    dynamic: int = 0  # calls with a statement that is built at run time, wholly or in one turn of a loop
    transforms: tuple[str, ...] = ()  # tables that are transformed; "?" where the name is built at run time


def sql_in_function(tree: ast.Module, function: str) -> SqlInFunction:
    """Return what `function` ("upgrade", "downgrade") and the module's own functions that it mentions run.

    The SQL of a call `<anything>.execute(…)` (executemany, script, query, scalar) is its first argument
    or its `sql=`. It is known where it is a string, a sum or an f-string of known strings, a name that
    is bound once to such (in the function, around it or in the module), or the variable of a `for` over
    a tuple or list of such, which may be unpacked, named or reversed(). A list that has a name is
    followed only if nothing but loops ever uses that name: anything else might add to it.

    The order is that of execution, as far as it does not depend on data. A function that `tree` does not
    define runs nothing.
    """
    return _Reader(tree).read(function)


def sql_literals(tree: ast.Module, function: str) -> tuple[SqlLiteral, ...]:
    """Return only the literals of `sql_in_function`."""
    return sql_in_function(tree, function).literals


class _Bound(Enum):
    """What a name may be bound to besides one expression."""

    LOOP = "to what a for statement gives it, and to nothing else"
    UNKNOWN = "more than once, or to something that is not written as an expression"


@dataclass(slots=True, eq=False)
class _Scope:
    """What the names of one function, lambda, comprehension, class or module are bound to."""

    outer: _Scope | None
    opaque: bool = False  # a class: its names are not seen from its methods, so nothing is told about them
    values: dict[str, ast.expr | _Bound] = field(default_factory=dict)

    def bind(self, name: str, value: ast.expr | _Bound = _Bound.UNKNOWN) -> None:
        known = self.values.get(name)
        loops = known is _Bound.LOOP and value is _Bound.LOOP
        self.values[name] = value if loops or (known is None and not self.opaque) else _Bound.UNKNOWN


@dataclass(slots=True, eq=False)
class _Block:
    """What the walk noted in a function, a loop's body or a scope inside of them, in order of evaluation.

    An event is a call of interest, a name of the module that is mentioned, or a block in its place.
    """

    scope: _Scope
    loop: ast.For | None = None  # whose body this is
    targets: frozenset[str] = frozenset()  # variables of the loops of this scope that it stands in
    events: list[ast.Call | str | _Block] = field(default_factory=list)


_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_Value = tuple[ast.expr, _Scope]  # an expression, and where its names are to be looked up
_Turn = dict[tuple[_Scope, str], _Value]  # the loop variables in one turn of the loops around


class _Walk:
    """Notes what one module has in it: the module itself at once, a function when it is asked for."""

    def __init__(self, tree: ast.Module) -> None:
        self.module = _Scope(None)
        self.functions: dict[str, _Function] = {}  # classes too; of two with one name, the last
        self.used: set[str] = set()  # names that are read anywhere else than as what a loop goes over
        self._blocks: dict[str, _Block] = {}
        self._pending: list[tuple[_Block, Sequence[ast.AST]]] = []
        self._block = _Block(self.module)
        self._stack: list[ast.AST | _Block | tuple[ast.Call]] = []
        self._walk(self._block, tree.body)

    def block_of(self, name: str) -> _Block | None:
        """What the module's function, class or variable of that name does when it is used."""
        if name not in self._blocks:
            definition = self.functions.get(name) or self.module.values.get(name)
            if isinstance(definition, ast.expr):  # a lambda, a table of functions
                self._blocks[name] = self._walk(_Block(self.module), [definition])
            elif definition is None or isinstance(definition, _Bound):
                return None
            else:
                self._blocks[name] = self._walk(self._body_of(definition), definition.body)
        return self._blocks[name]

    def finish(self) -> None:
        """Walk what has not been asked for: a `global` anywhere binds the module's names."""
        for name in self.functions:
            self.block_of(name)

    def _walk(self, root: _Block, nodes: Sequence[ast.AST]) -> _Block:
        self._pending.append((root, nodes))
        while self._pending:
            self._block, body = self._pending.pop()
            stack = self._stack = [*reversed(body)]
            events = self._block.events
            while stack:
                node = stack.pop()
                kind = type(node)
                if kind is ast.Constant:
                    continue
                visit = _VISITS.get(kind)
                if visit is not None:
                    visit(self, node)
                elif isinstance(node, ast.AST):
                    self._push_fields(node)
                elif isinstance(node, tuple):
                    events.append(node[0])
                else:
                    events.append(node)
        return root

    def _push_fields(self, node: ast.AST) -> None:
        for name in _fields_backwards(node._fields):
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                self._stack.append(value)
            elif isinstance(value, list):
                self._stack.extend(item for item in reversed(value) if isinstance(item, ast.AST))

    def _push_block(self, block: _Block, *body: ast.AST) -> None:
        """Have `block` stand in this place, and `body` noted in it."""
        self._stack.append(block)
        self._pending.append((block, body))

    def _body_of(self, definition: _Function | ast.Lambda, outer: _Scope | None = None) -> _Block:
        scope = _Scope(outer or self.module, opaque=isinstance(definition, ast.ClassDef))
        if not isinstance(definition, ast.ClassDef):
            arguments = definition.args
            for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
                scope.bind(argument.arg)
            for rest in (arguments.vararg, arguments.kwarg):
                if rest is not None:
                    scope.bind(rest.arg)
        return _Block(scope)

    def visit_name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load):
            self._block.scope.bind(node.id)
            return
        self.used.add(node.id)
        self._mention(node.id)

    def _mention(self, name: str) -> None:
        if name in self.functions or name in self.module.values:
            self._block.events.append(name)

    def visit_attribute(self, node: ast.Attribute) -> None:
        self._stack.append(node.value)

    def visit_call(self, node: ast.Call) -> None:
        function = node.func
        if isinstance(function, ast.Attribute):
            if function.attr in _CALLS:
                self._stack.append((node,))  # after its arguments, which are evaluated first
            function = function.value
        self._stack.extend(keyword.value for keyword in reversed(node.keywords))
        self._stack.extend(reversed(node.args))
        self._stack.append(function)

    def visit_assign(self, node: ast.Assign) -> None:
        first = node.targets[0]
        # Of `a = b = []` neither is told: what is added to the one is in the other.
        if len(node.targets) == 1 and isinstance(first, ast.Name):
            self._block.scope.bind(first.id, node.value)
        else:
            self._stack.extend(reversed(node.targets))
        self._stack.append(node.value)

    def visit_annotated(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            if isinstance(node.target, ast.Name):
                self._block.scope.bind(node.target.id, node.value)
            else:
                self._stack.append(node.target)
            self._stack.append(node.value)

    def visit_walrus(self, node: ast.NamedExpr) -> None:
        # From inside a comprehension it binds a name of the function around; here, of everything around.
        scope: _Scope | None = self._block.scope
        while scope is not None:
            scope.bind(node.target.id)
            scope = scope.outer
        self._stack.append(node.value)

    def visit_for(self, node: ast.For) -> None:
        block = self._block
        names = frozenset(_loop_variables(node.target))
        for name in names:
            # Two loops in a row may share a variable; one inside the other leaves it changed behind.
            block.scope.bind(name, _Bound.UNKNOWN if name in block.targets else _Bound.LOOP)
        self._stack.extend(reversed(node.orelse))
        self._push_block(_Block(block.scope, loop=node, targets=block.targets | names), *node.body)
        if not names:
            self._stack.append(node.target)
        over, _ = _looped_over(node.iter)
        if isinstance(over, ast.Name):
            self._mention(over.id)
        else:
            self._stack.append(node.iter)

    def visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        scope = self._block.scope
        scope.bind(node.name)
        if scope is self.module:
            self.functions[node.name] = node
        else:
            self._push_block(self._body_of(node, scope), *node.body)
        self._push_defaults(node.args)
        self._stack.extend(reversed(node.decorator_list))

    def visit_class(self, node: ast.ClassDef) -> None:
        scope = self._block.scope
        scope.bind(node.name)
        if scope is self.module:
            self.functions[node.name] = node
            return
        self._push_block(self._body_of(node, scope), *node.body)
        self._stack.extend([*reversed(node.keywords), *reversed(node.bases), *reversed(node.decorator_list)])

    def visit_lambda(self, node: ast.Lambda) -> None:
        self._push_block(self._body_of(node, self._block.scope), node.body)
        self._push_defaults(node.args)

    def _push_defaults(self, arguments: ast.arguments) -> None:
        self._stack.extend(default for default in reversed(arguments.kw_defaults) if default is not None)
        self._stack.extend(reversed(arguments.defaults))

    def visit_comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> None:
        self._push_block(_Block(_Scope(self._block.scope)), *node.generators, node.elt)

    def visit_dict_comprehension(self, node: ast.DictComp) -> None:
        self._push_block(_Block(_Scope(self._block.scope)), *node.generators, node.key, node.value)

    def visit_import(self, node: ast.Import | ast.ImportFrom) -> None:
        scope = self._block.scope
        for alias in node.names:
            if alias.name == "*":
                for name in scope.values:  # whatever is bound later is not touched by it
                    scope.bind(name)
                continue
            scope.bind((alias.asname or alias.name).partition(".")[0])

    def visit_global(self, node: ast.Global | ast.Nonlocal) -> None:
        for name in node.names:
            scope: _Scope | None = self._block.scope
            while scope is not None:
                scope.values[name] = _Bound.UNKNOWN
                scope = scope.outer

    def visit_handler(self, node: ast.ExceptHandler) -> None:
        if node.name is not None:
            self._block.scope.bind(node.name)
        self._push_fields(node)

    def visit_capture(self, node: ast.MatchAs | ast.MatchStar) -> None:
        if node.name is not None:
            self._block.scope.bind(node.name)
        self._push_fields(node)

    def visit_capture_rest(self, node: ast.MatchMapping) -> None:
        if node.rest is not None:
            self._block.scope.bind(node.rest)
        self._push_fields(node)


_VISITS: dict[type, Callable[[_Walk, Any], None]] = {
    ast.Name: _Walk.visit_name,
    ast.Attribute: _Walk.visit_attribute,
    ast.Call: _Walk.visit_call,
    ast.Assign: _Walk.visit_assign,
    ast.AnnAssign: _Walk.visit_annotated,
    ast.NamedExpr: _Walk.visit_walrus,
    ast.For: _Walk.visit_for,
    ast.FunctionDef: _Walk.visit_function,
    ast.AsyncFunctionDef: _Walk.visit_function,
    ast.ClassDef: _Walk.visit_class,
    ast.Lambda: _Walk.visit_lambda,
    ast.ListComp: _Walk.visit_comprehension,
    ast.SetComp: _Walk.visit_comprehension,
    ast.GeneratorExp: _Walk.visit_comprehension,
    ast.DictComp: _Walk.visit_dict_comprehension,
    ast.Import: _Walk.visit_import,
    ast.ImportFrom: _Walk.visit_import,
    ast.Global: _Walk.visit_global,
    ast.Nonlocal: _Walk.visit_global,
    ast.ExceptHandler: _Walk.visit_handler,
    ast.MatchAs: _Walk.visit_capture,
    ast.MatchStar: _Walk.visit_capture,
    ast.MatchMapping: _Walk.visit_capture_rest,
}


@cache
def _fields_backwards(fields: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in reversed(fields) if name not in ("ctx", "op", "ops"))


def _loop_variables(target: ast.expr) -> list[str]:
    """The names in `a` or `a, b`; none of any other target, whose names are then bound like all others."""
    parts = target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
    names = [part.id for part in parts if isinstance(part, ast.Name)]
    return names if len(names) == len(parts) == len(set(names)) else []


def _looped_over(iterable: ast.expr) -> tuple[ast.expr, bool]:
    """What a loop goes over, without a reversed() around it, and whether there is one."""
    match iterable:
        case ast.Call(func=ast.Name(id="reversed"), args=[inner], keywords=[]):
            return inner, True
    return iterable, False


class _Reader:
    """Goes through what a walk noted, in order of execution, and makes texts of it."""

    def __init__(self, tree: ast.Module) -> None:
        self._notes = _Walk(tree)
        self._literals: dict[tuple[ast.Call, str], SqlLiteral] = {}
        self._transforms: dict[tuple[ast.Call, str], None] = {}
        self._dynamic: set[ast.Call] = set()
        self._turns_left = _MOST_TURNS

    def read(self, function: str) -> SqlInFunction:
        root = self._notes.block_of(function) if function in self._notes.functions else None
        if root is None:
            return SqlInFunction()
        entered = {function}
        nothing: _Turn = {}
        stack: list[tuple[_Block, Iterator[ast.Call | str | _Block], _Turn]] = [(root, iter(root.events), nothing)]
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
            else:
                turns = self._turns(event.loop, event.scope, turn) if event.loop is not None else [turn]
                stack.extend((event, iter(event.events), turn) for turn in reversed(turns))
        return SqlInFunction(tuple(self._literals.values()), len(self._dynamic), tuple(t for _, t in self._transforms))

    def _read_call(self, call: ast.Call, scope: _Scope, turn: _Turn) -> None:
        method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        argument = _first_argument(call, "sql" if method in _SQL_CALLS else "table")
        if argument is None:
            return
        text = self._text(argument, scope, turn)
        if method not in _SQL_CALLS:
            self._transforms[call, UNKNOWN_TABLE if text is None else text] = None
        elif text is None:
            self._dynamic.add(call)
        else:
            self._literals.setdefault((call, text), SqlLiteral(text, call.lineno, method))

    def _text(self, expression: ast.expr, scope: _Scope, turn: _Turn) -> str | None:
        """The string that `expression` comes to, or None if that cannot be told."""
        pieces: list[str] = []
        stack: list[tuple[ast.expr, _Scope, bool]] = [(expression, scope, False)]
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

    def _value(self, name: str, scope: _Scope, turn: _Turn) -> _Value | None:
        """The one expression that `name` is bound to, as seen from `scope`."""
        found = _scope_of(name, scope)
        if found is None:
            return None
        if found is self._notes.module:
            self._notes.finish()
        value = found.values[name]
        if value is _Bound.LOOP:
            return turn.get((found, name))
        return None if isinstance(value, _Bound) else (value, found)

    def _turns(self, loop: ast.For, scope: _Scope, turn: _Turn) -> list[_Turn]:
        """The loop variables, known so far, for each turn of `loop`; one turn if they cannot be told."""
        over, backwards = _looped_over(loop.iter)
        if backwards and _scope_of("reversed", scope) is not None:
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
            names = _loop_variables(loop.target)
            bound = zip(names, parts, strict=True) if len(names) == len(parts) else ()
            turns.append({**turn, **{(scope, name): (part, value[1]) for name, part in bound}})
        return turns


def _first_argument(call: ast.Call, keyword: str) -> ast.expr | None:
    """The first argument, or the one called `keyword`; what stands for it in `*args` or `**more`."""
    if call.args:
        return call.args[0]
    return next((each.value for each in call.keywords if each.arg in (keyword, None)), None)


def _elements(node: ast.expr) -> list[ast.expr] | None:
    if not isinstance(node, (ast.Tuple, ast.List)):
        return None
    return None if any(isinstance(element, ast.Starred) for element in node.elts) else node.elts


def _scope_of(name: str, scope: _Scope) -> _Scope | None:
    around: _Scope | None = scope
    while around is not None and name not in around.values:
        around = around.outer
    return around


def _is_bound_around(name: str, scope: _Scope) -> bool:
    """Whether `name`, in `scope`, is something else than the module's."""
    found = _scope_of(name, scope)
    return found is not None and found.outer is not None
