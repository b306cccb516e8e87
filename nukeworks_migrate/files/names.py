"""What each name of a module may be bound to, read from its syntax tree: for asking where a value comes from.

Where `literals` tells a text only if it is certain, this keeps everything that a name is ever bound to, in
whatever order, and what is later put into the list or the dictionary that it names.

Neither the walk nor what is asked of it recurses: a chain of a thousand `+` is no deeper than one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum

_MOST_TOLD_APART = 10_000  # elements of a list that a loop unpacks; of a longer one each variable may be anything
_ADDING = frozenset({"add", "append", "appendleft", "extend", "insert", "setdefault", "update"})


class ScopeKind(Enum):
    """What makes a scope."""

    MODULE = "module"
    FUNCTION = "function"  # a lambda too
    CLASS = "class"  # whose names its methods do not see
    COMPREHENSION = "comprehension"


@dataclass(slots=True, eq=False)
class Scope:
    """The names of one function, lambda, comprehension, class or module."""

    kind: ScopeKind
    outer: Scope | None = None
    owner: str = ""  # the module's function or class that it stands in; empty for what runs at import
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    elsewhere: dict[str, Scope] = field(default_factory=dict)  # of names that are global or nonlocal
    results: list[ast.expr] = field(default_factory=list)  # of a function: what it returns or yields


@dataclass(frozen=True, slots=True)
class Value:
    """The value of an expression, or one of its elements, or theirs."""

    expression: ast.expr
    scope: Scope  # where its names are to be looked up
    depth: int = 0  # 1 for its elements: the keys of a dictionary


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a caller gives."""

    function: Function
    name: str
    scope: Scope  # where the function has its name


@dataclass(frozen=True, slots=True)
class Definition:
    """A function or a class."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    scope: Scope  # the one inside


@dataclass(frozen=True, slots=True)
class Imported:
    """A module, or something in one."""

    target: str  # datetime.datetime; for a helper ._names.TABLE

    @property
    def is_helper(self) -> bool:
        return self.target.startswith(".")


class Other(Enum):
    """Something that is not written as an expression: what `with`, `except` and `match` bind."""

    UNKNOWN = "unknown"


Binding = Value | Parameter | Definition | Imported | Other
Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class Names:
    """The scopes of one module."""

    def __init__(self, tree: ast.Module) -> None:
        self.module = Scope(ScopeKind.MODULE)
        self.inside: dict[ast.AST, Scope] = {}  # of functions, lambdas, classes and comprehensions
        self.calls: list[tuple[ast.Call, Scope]] = []
        self.uses: dict[str, list[tuple[Scope, ast.Call | None]]] = {}  # of names: where, and the call of it, if one
        self._named: dict[ast.Lambda, tuple[str, Scope]] = {}
        self._mapped: dict[ast.Lambda, list[Value]] = {}  # what a map() gives to them
        self._additions: list[tuple[str, Scope, Value]] = []
        self._stack: list[tuple[ast.AST, Scope]] = [(node, self.module) for node in reversed(tree.body)]
        while self._stack:
            self._visit(*self._stack.pop())
        for name, scope, value in self._additions:
            if found := self.scope_of(name, scope):
                found.bindings[name].append(value)

    def scope_of(self, name: str, scope: Scope) -> Scope | None:
        """The scope whose `name` is meant where it is written in `scope`; None for built-ins."""
        around: Scope | None = scope
        while around is not None:
            if name in around.elsewhere:
                around = around.elsewhere[name]
            if name in around.bindings and (around is scope or around.kind is not ScopeKind.CLASS):
                return around
            around = around.outer
        return None

    def bindings(self, name: str, scope: Scope) -> list[Binding] | None:
        """All that `name`, written in `scope`, may be; None for built-ins and what comes from nowhere."""
        found = self.scope_of(name, scope)
        return found.bindings[name] if found else None

    def arguments(self, parameter: Parameter) -> list[Value] | None:
        """What the module itself gives for `parameter`, or None if others may call the function, too."""
        function = parameter.function
        if isinstance(function, ast.Lambda):
            if function not in self._named:
                return self._mapped.get(function)
            name, scope = self._named[function]
        else:
            name, scope = function.name, parameter.scope
        if scope.kind is ScopeKind.CLASS:
            return None
        uses = [(at, call) for at, call in self.uses.get(name, ()) if self.scope_of(name, at) is scope]
        values: list[Value] = []
        for at, call in uses:
            given = _given(parameter, call) if call is not None else None
            if given is None:
                return None
            values += (Value(expression, at) for expression in given)
        default = _default(function.args, parameter.name)
        return [*values, *([Value(default, scope)] if default else [])] if uses else None

    def dotted(self, expression: ast.expr, scope: Scope) -> str:
        """What is imported under this name: `datetime.datetime.now`; empty for everything else."""
        attributes: list[str] = []
        while isinstance(expression, ast.Attribute):
            attributes.append(expression.attr)
            expression = expression.value
        if not isinstance(expression, ast.Name):
            return ""
        for binding in self.bindings(expression.id, scope) or ():
            if isinstance(binding, Imported):
                return ".".join([binding.target, *reversed(attributes)])
        return ""

    def reached_from(self, names: Iterable[str]) -> set[str]:
        """The module's functions and classes that these and the code that runs at import mention, however far."""
        mentions: dict[str, set[str]] = {}
        for name, uses in self.uses.items():
            if name in self.module.bindings:
                for scope, _ in uses:
                    if self.scope_of(name, scope) is self.module:
                        mentions.setdefault(scope.owner, set()).add(name)
        reached: set[str] = set()
        stack = ["", *names]
        while stack:
            name = stack.pop()
            if name not in reached:
                reached.add(name)
                stack.extend(mentions.get(name, ()))
        return reached

    def _visit(self, node: ast.AST, scope: Scope) -> None:
        match node:
            case ast.Constant():
                return
            case ast.Name(ctx=ast.Load()):
                self.uses.setdefault(node.id, []).append((scope, None))
                return
            case ast.Name(ctx=ast.Store()):
                self._bind(node.id, scope, Other.UNKNOWN)
                return
            case ast.Call():
                self._visit_call(node, scope)
            case ast.Assign(value=value):
                for target in node.targets:
                    self._assign(target, Value(value, scope), scope)
                self._stack.append((value, scope))
            case ast.AnnAssign(value=ast.expr() as value):
                self._assign(node.target, Value(value, scope), scope)
                self._stack.append((value, scope))
            case ast.AugAssign(target=ast.Name(id=name)):
                before = ast.copy_location(ast.Name(name, ast.Load()), node)
                both = ast.copy_location(ast.BinOp(before, node.op, node.value), node)
                self._bind(name, scope, Value(both, scope))
                self._stack.append((node.value, scope))
            case ast.NamedExpr(target=ast.Name(id=name), value=value):
                around = scope
                while around.kind is ScopeKind.COMPREHENSION and around.outer is not None:
                    around = around.outer
                self._bind(name, around, Value(value, scope))
                self._stack.append((value, scope))
            case ast.For() | ast.AsyncFor():
                self._assign(node.target, Value(node.iter, scope, 1), scope)
                self._push((node.iter, *node.body, *node.orelse), scope)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                self._visit_function(node, scope)
            case ast.ClassDef():
                inner = self._inside(node, ScopeKind.CLASS, scope, node.name)
                self._bind(node.name, scope, Definition(node, inner))
                self._push(node.body, inner)
                self._push((*node.decorator_list, *node.bases, *node.keywords), scope)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                self._visit_comprehension(node, scope)
            case ast.Return(value=ast.expr() as value) | ast.Yield(value=ast.expr() as value):
                scope.results.append(value)
                self._stack.append((value, scope))
            case ast.YieldFrom(value=value):
                scope.results.append(value)
                self._stack.append((value, scope))
            case ast.Import():
                for alias in node.names:
                    meant = alias.name if alias.asname else alias.name.partition(".")[0]
                    self._bind(alias.asname or meant, scope, Imported(meant))
            case ast.ImportFrom():
                module = "." * node.level + (f"{node.module}." if node.module else "")
                for alias in node.names:
                    self._bind(alias.asname or alias.name, scope, Imported(module + alias.name))
            case ast.Global():
                scope.elsewhere |= dict.fromkeys(node.names, self.module)
            case ast.Nonlocal():
                for name in node.names:
                    found = self.scope_of(name, scope.outer) if scope.outer else None
                    if found:
                        scope.elsewhere[name] = found
            case _:
                if isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
                    self._bind(node.name, scope, Other.UNKNOWN)
                if isinstance(node, ast.MatchMapping) and node.rest:
                    self._bind(node.rest, scope, Other.UNKNOWN)
                self._push(ast.iter_child_nodes(node), scope)

    def _push(self, nodes: Iterable[ast.AST], scope: Scope) -> None:
        self._stack += reversed([(node, scope) for node in nodes])

    def _inside(self, node: ast.AST, kind: ScopeKind, outer: Scope, name: str = "") -> Scope:
        owner = name if outer.kind is ScopeKind.MODULE else outer.owner
        self.inside[node] = Scope(kind, outer, owner)
        return self.inside[node]

    def _visit_call(self, node: ast.Call, scope: Scope) -> None:
        self.calls.append((node, scope))
        match node.func:
            case ast.Name(id=name):
                self.uses.setdefault(name, []).append((scope, node))
            case ast.Attribute(value=ast.Name(id=name), attr=method) if method in _ADDING:
                depth = 1 if method == "extend" else 0
                self._additions += ((name, scope, Value(value, scope, depth)) for value in _arguments(node))
        match node:
            case ast.Call(func=ast.Name(id="map" | "filter"), args=[ast.Lambda() as function, *over]):
                self._mapped[function] = [Value(each, scope, 1) for each in over]
        self._push((*([] if isinstance(node.func, ast.Name) else [node.func]), *_arguments(node)), scope)

    def _visit_function(self, node: Function, scope: Scope) -> None:
        name = "" if isinstance(node, ast.Lambda) else node.name
        inner = self._inside(node, ScopeKind.FUNCTION, scope, name)
        arguments = node.args
        rest = [argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None]
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *rest):
            self._bind(argument.arg, inner, Parameter(node, argument.arg, scope))
        if isinstance(node, ast.Lambda):
            inner.results.append(node.body)
            self._stack.append((node.body, inner))
        else:
            self._bind(name, scope, Definition(node, inner))
            self._push(node.body, inner)
            self._push(node.decorator_list, scope)
        self._push((default for default in (*arguments.defaults, *arguments.kw_defaults) if default), scope)

    def _visit_comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp, scope: Scope
    ) -> None:
        inner = self._inside(node, ScopeKind.COMPREHENSION, scope)
        self._push((node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,), inner)
        for number, generator in enumerate(node.generators):
            over = inner if number else scope  # in `for x in x`, the second is the one outside
            self._assign(generator.target, Value(generator.iter, over, 1), inner)
            self._stack.append((generator.iter, over))
            self._push(generator.ifs, inner)

    def _assign(self, target: ast.expr, value: Value, scope: Scope) -> None:
        """Bind all names in `target`, each to its part of `value` where they can be told apart."""
        if isinstance(value.expression, ast.Lambda) and isinstance(target, ast.Name):
            self._named[value.expression] = (target.id, scope)
        stack = [(target, value)]
        while stack:
            target, value = stack.pop()
            match target:
                case ast.Name(id=name):
                    self._bind(name, scope, value)
                case ast.Tuple() | ast.List():
                    stack.extend(_unpacked(target.elts, value))
                case ast.Starred(value=inner):
                    stack.append((inner, value))
                case ast.Subscript(value=holder, slice=key):
                    self._add(holder, ast.Dict([key], [value.expression]), value.scope, scope)
                    self._push((holder, key), scope)
                case ast.Attribute(value=holder):
                    self._add(holder, value.expression, value.scope, scope)
                    self._stack.append((holder, scope))

    def _add(self, holder: ast.expr, expression: ast.expr, of: Scope, scope: Scope) -> None:
        while isinstance(holder, (ast.Attribute, ast.Subscript)):
            holder = holder.value
        if isinstance(holder, ast.Name):
            self._additions.append((holder.id, scope, Value(expression, of)))

    def _bind(self, name: str, scope: Scope, binding: Binding) -> None:
        scope.elsewhere.get(name, scope).bindings.setdefault(name, []).append(binding)


def _arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def _unpacked(targets: list[ast.expr], value: Value) -> Iterator[tuple[ast.expr, Value]]:
    """Each of `targets` with its part of `value`, or with the whole where that cannot be told."""
    expression, scope = value.expression, value.scope
    parts: list[list[Value]] = []
    if value.depth == 0:
        parts = [[Value(part, scope) for part in _elements(each)] for each in _alternatives(expression)]
    elif value.depth == 1:
        match expression:
            case ast.Tuple() | ast.List() if len(expression.elts) <= _MOST_TOLD_APART:
                parts = [[Value(part, scope) for part in _elements(each)] for each in expression.elts]
            case ast.Call(func=ast.Name(id="enumerate"), args=[over, *_]):
                parts = [[Value(ast.Constant(0), scope), Value(over, scope, 1)]]
            case ast.Call(func=ast.Name(id="zip"), args=lists):
                parts = [[Value(each, scope, 1) for each in lists]]
            case ast.Call(func=ast.Attribute(value=mapping, attr="items"), args=[]):
                parts = [[Value(mapping, scope, 1), Value(mapping, scope)]]
    if not parts or any(len(each) != len(targets) for each in parts) or any(_is_starred(each) for each in targets):
        parts = [[Value(expression, scope)] * len(targets)]
    for each in parts:
        yield from zip(targets, each, strict=True)


def _alternatives(node: ast.expr) -> Iterator[ast.expr]:
    """Each of what `a if b else c` may be."""
    while isinstance(node, ast.IfExp):
        yield node.body
        node = node.orelse
    yield node


def _elements(node: ast.expr) -> list[ast.expr]:
    is_plain = isinstance(node, (ast.Tuple, ast.List)) and not any(map(_is_starred, node.elts))
    return node.elts if is_plain else []  # type: ignore[attr-defined]


def _is_starred(node: ast.expr) -> bool:
    return isinstance(node, ast.Starred)


def _given(parameter: Parameter, call: ast.Call) -> list[ast.expr]:
    """What `call` gives for `parameter`: more than that where * or ** leave it open."""
    arguments = parameter.function.args
    if any(map(_is_starred, call.args)) or any(keyword.arg is None for keyword in call.keywords):
        return _arguments(call)
    positional = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    if arguments.vararg is not None and parameter.name == arguments.vararg.arg:
        return call.args[len(positional) :]
    if arguments.kwarg is not None and parameter.name == arguments.kwarg.arg:
        return [ast.Dict([ast.Constant(keyword.arg)], [keyword.value]) for keyword in call.keywords]
    if parameter.name in positional and positional.index(parameter.name) < len(call.args):
        return [call.args[positional.index(parameter.name)]]
    return [keyword.value for keyword in call.keywords if keyword.arg == parameter.name]


def _default(arguments: ast.arguments, name: str) -> ast.expr | None:
    positional = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    with_default = positional[len(positional) - len(arguments.defaults) :]
    if name in with_default:
        return arguments.defaults[with_default.index(name)]
    keywords = [argument.arg for argument in arguments.kwonlyargs]
    return arguments.kw_defaults[keywords.index(name)] if name in keywords else None
