"""What a module's functions have in them, noted in order of evaluation from its syntax tree.

It is the half of `literals` that goes over the tree: over each function once, and over one only when it is
asked for. It does not recurse: a chain of a thousand `+` or calls is no deeper to it than one.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from typing import Any

from .table_calls import CHANGES, is_table_call

SQL_CALLS = frozenset({"execute", "executemany", "script", "query", "scalar"})


class Bound(Enum):
    """What a name may be bound to besides one expression."""

    LOOP = "to what a for statement gives it, and to nothing else"
    ALTERATION = "to what `with db.alter_table(…) as` gives it, and to nothing else"
    UNKNOWN = "more than once, or to something that is not written as an expression"


@dataclass(slots=True, eq=False)
class Scope:
    """What the names of one function, lambda, comprehension, class or module are bound to."""

    outer: Scope | None
    opaque: bool = False  # a class: its names are not seen from its methods, so nothing is told about them
    values: dict[str, ast.expr | Bound] = field(default_factory=dict)

    def bind(self, name: str, value: ast.expr | Bound = Bound.UNKNOWN) -> None:
        known = self.values.get(name)
        is_again = known is value and value in (Bound.LOOP, Bound.ALTERATION)
        self.values[name] = value if is_again or (known is None and not self.opaque) else Bound.UNKNOWN


@dataclass(slots=True, eq=False)
class Block:
    """What the walk noted in a function, a loop's body or a scope inside of them, in order of evaluation.

    An event is a call of interest, a name of the module that is mentioned, a block in its place, or
    something about a block of `db.alter_table`.
    """

    scope: Scope
    loop: ast.For | None = None  # whose body this is
    targets: frozenset[str] = frozenset()  # variables of the loops of this scope that it stands in
    events: list[Event] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class Alteration:
    """Where a block of `db.alter_table` begins or ends, or its name is used for anything but asking for a change."""

    name: str
    call: ast.Call | None = None  # of alter_table, where it begins
    ends: bool = False


Event = ast.Call | str | Block | Alteration
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Walk:
    """Notes what one module has in it: the module itself at once, a function when it is asked for."""

    def __init__(self, tree: ast.Module) -> None:
        self.module = Scope(None)
        self.functions: dict[str, _Function] = {}  # classes too; of two with one name, the last
        self.used: set[str] = set()  # names that are read anywhere else than as what a loop goes over
        self.altered: set[str] = set()  # names that blocks of alter_table are given
        self._blocks: dict[str, Block] = {}
        self._pending: list[tuple[Block, Sequence[ast.AST]]] = []
        self._block = Block(self.module)
        self._stack: list[ast.AST | Block | Alteration | tuple[ast.Call]] = []
        self._walk(self._block, tree.body)

    def block_of(self, name: str) -> Block | None:
        """What the module's function, class or variable of that name does when it is used."""
        if name not in self._blocks:
            definition = self.functions.get(name) or self.module.values.get(name)
            if isinstance(definition, ast.expr):  # a lambda, a table of functions
                self._blocks[name] = self._walk(Block(self.module), [definition])
            elif definition is None or isinstance(definition, Bound):
                return None
            else:
                self._blocks[name] = self._walk(self._body_of(definition), definition.body)
        return self._blocks[name]

    def finish(self) -> None:
        """Walk what has not been asked for: a `global` anywhere binds the module's names."""
        for name in self.functions:
            self.block_of(name)

    def _walk(self, root: Block, nodes: Sequence[ast.AST]) -> Block:
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

    def _push_block(self, block: Block, *body: ast.AST) -> None:
        """Have `block` stand in this place, and `body` noted in it."""
        self._stack.append(block)
        self._pending.append((block, body))

    def _body_of(self, definition: _Function | ast.Lambda, outer: Scope | None = None) -> Block:
        scope = Scope(outer or self.module, opaque=isinstance(definition, ast.ClassDef))
        if not isinstance(definition, ast.ClassDef):
            arguments = definition.args
            for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
                scope.bind(argument.arg)
            for rest in (arguments.vararg, arguments.kwarg):
                if rest is not None:
                    scope.bind(rest.arg)
        return Block(scope)

    def visit_name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load):
            self._block.scope.bind(node.id)
            return
        self.used.add(node.id)
        if node.id in self.altered:
            self._block.events.append(Alteration(node.id))
        self._mention(node.id)

    def _mention(self, name: str) -> None:
        if name in self.functions or name in self.module.values:
            self._block.events.append(name)

    def visit_attribute(self, node: ast.Attribute) -> None:
        self._stack.append(node.value)

    def visit_call(self, node: ast.Call) -> None:
        function = node.func
        if isinstance(function, ast.Attribute):
            if function.attr in SQL_CALLS or is_table_call(node):
                self._stack.append((node,))  # after its arguments, which are evaluated first
            elif self._asks_for_a_change(function):
                self._stack.append((node,))
                self._push_arguments(node)
                return
            function = function.value
        self._push_arguments(node)
        self._stack.append(function)

    def _asks_for_a_change(self, method: ast.Attribute) -> bool:
        """Whether this is a method of what a block of `db.alter_table` gives; its name is then seen to here."""
        holder = method.value
        if method.attr not in CHANGES or not isinstance(holder, ast.Name) or holder.id not in self.altered:
            return False
        self.used.add(holder.id)
        self._mention(holder.id)
        return True

    def _push_arguments(self, node: ast.Call) -> None:
        self._stack.extend(keyword.value for keyword in reversed(node.keywords))
        self._stack.extend(reversed(node.args))

    def visit_with(self, node: ast.With) -> None:
        begun: list[ast.AST | Alteration] = []
        ended: list[Alteration] = []
        for item in node.items:
            match item:
                case ast.withitem(ast.Call(ast.Attribute(attr="alter_table")) as call, ast.Name() | None as target):
                    begun += [call.func, *call.args, *(each.value for each in call.keywords)]
                    if target is not None:  # without a name nothing can be asked for
                        self._block.scope.bind(target.id, Bound.ALTERATION)
                        self.altered.add(target.id)
                        begun.append(Alteration(target.id, call))
                        ended.append(Alteration(target.id, ends=True))
                case _:
                    begun.append(item)
        self._stack.extend(ended)
        self._stack.extend(reversed(node.body))
        self._stack.extend(reversed(begun))

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
        scope: Scope | None = self._block.scope
        while scope is not None:
            scope.bind(node.target.id)
            scope = scope.outer
        self._stack.append(node.value)

    def visit_for(self, node: ast.For) -> None:
        block = self._block
        names = frozenset(loop_variables(node.target))
        for name in names:
            # Two loops in a row may share a variable; one inside the other leaves it changed behind.
            block.scope.bind(name, Bound.UNKNOWN if name in block.targets else Bound.LOOP)
        self._stack.extend(reversed(node.orelse))
        self._push_block(Block(block.scope, loop=node, targets=block.targets | names), *node.body)
        if not names:
            self._stack.append(node.target)
        over, _ = looped_over(node.iter)
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
        self._push_block(Block(Scope(self._block.scope)), *node.generators, node.elt)

    def visit_dict_comprehension(self, node: ast.DictComp) -> None:
        self._push_block(Block(Scope(self._block.scope)), *node.generators, node.key, node.value)

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
            scope: Scope | None = self._block.scope
            while scope is not None:
                scope.values[name] = Bound.UNKNOWN
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


_VISITS: dict[type, Callable[[Walk, Any], None]] = {
    ast.Name: Walk.visit_name,
    ast.Attribute: Walk.visit_attribute,
    ast.Call: Walk.visit_call,
    ast.Assign: Walk.visit_assign,
    ast.AnnAssign: Walk.visit_annotated,
    ast.NamedExpr: Walk.visit_walrus,
    ast.For: Walk.visit_for,
    ast.With: Walk.visit_with,
    ast.FunctionDef: Walk.visit_function,
    ast.AsyncFunctionDef: Walk.visit_function,
    ast.ClassDef: Walk.visit_class,
    ast.Lambda: Walk.visit_lambda,
    ast.ListComp: Walk.visit_comprehension,
    ast.SetComp: Walk.visit_comprehension,
    ast.GeneratorExp: Walk.visit_comprehension,
    ast.DictComp: Walk.visit_dict_comprehension,
    ast.Import: Walk.visit_import,
    ast.ImportFrom: Walk.visit_import,
    ast.Global: Walk.visit_global,
    ast.Nonlocal: Walk.visit_global,
    ast.ExceptHandler: Walk.visit_handler,
    ast.MatchAs: Walk.visit_capture,
    ast.MatchStar: Walk.visit_capture,
    ast.MatchMapping: Walk.visit_capture_rest,
}


@cache
def _fields_backwards(fields: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in reversed(fields) if name not in ("ctx", "op", "ops"))


def loop_variables(target: ast.expr) -> list[str]:
    """The names in `a` or `a, b`; none of any other target, whose names are then bound like all others."""
    parts = target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
    names = [part.id for part in parts if isinstance(part, ast.Name)]
    return names if len(names) == len(parts) == len(set(names)) else []


def looped_over(iterable: ast.expr) -> tuple[ast.expr, bool]:
    """What a loop goes over, without a reversed() around it, and whether there is one."""
    match iterable:
        case ast.Call(func=ast.Name(id="reversed"), args=[inner], keywords=[]):
            return inner, True
    return iterable, False


def scope_of(name: str, scope: Scope) -> Scope | None:
    around: Scope | None = scope
    while around is not None and name not in around.values:
        around = around.outer
    return around
