"""What is worth saying about how a migration's code is written, read from its syntax tree: nothing is run.

    NWM201  SQL is built from data: see `built_sql`; an info where the data went through a quoting function
    NWM202  the migration imports what is neither Python's own, nor installed, nor one of its helpers
    NWM203  upgrade or downgrade, or what they call, uses the time, chance or a new UUID, in Python or in SQL
    NWM305  there is no downgrade

Not seen: modules that are imported by `importlib.import_module` or `__import__`, and an application that is
itself installed among the packages.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.machinery import PathFinder

from ..model.findings import APPLICATION_IMPORTED, NO_DOWNGRADE, SQL_FROM_DATA, VALUE_DIFFERS, Finding, Severity
from ..model.statements import value_findings
from .built_sql import Origin, built_sql
from .literals import SqlLiteral, sql_in_function
from .names import Names

_RUN = ("upgrade", "downgrade")

# Functions with another result in every run, and with how many arguments it is the same in all.
_DIFFERING = {
    **dict.fromkeys(("datetime.date.today", "datetime.datetime.now", "datetime.datetime.today"), None),
    **dict.fromkeys(("datetime.datetime.utcnow", "os.getrandom", "os.urandom", "time.time", "time.time_ns"), None),
    **dict.fromkeys(("uuid.uuid1", "uuid.uuid4", "uuid.uuid6", "uuid.uuid7"), None),
    **dict.fromkeys(("time.asctime", "time.ctime", "time.gmtime", "time.localtime", "random.Random"), 1),
    "time.strftime": 2,
}
_DIFFERING_MODULES = ("random.", "secrets.")
_OF_THEM_THE_SAME = frozenset({"random.getstate", "random.seed", "random.setstate", "secrets.compare_digest"})

_PACKAGES = re.compile(r"[/\\](?:site|dist)-packages(?:[/\\]|$)", re.IGNORECASE)


def code_findings(
    tree: ast.Module, path: str, statements_of: Callable[[str], Iterable[str]], *, is_helper: bool = False
) -> tuple[Finding, ...]:
    """Return the findings about one file of `versions/`, by line; `path` is how their `where` names it.

    `statements_of` splits a script as the database does. A helper needs no downgrade, and all its functions
    count as called. Where a module lies is looked up on sys.path; no module is imported for it.
    """
    names = Names(tree)
    found = [
        *_built(names, path),
        *_imports(tree, path),
        *_values_in_python(names, path, is_helper=is_helper),
        *_values_in_sql(tree, path, statements_of),
        *([] if is_helper else _no_downgrade(tree, path)),
    ]
    return tuple(sorted(dict.fromkeys(found), key=lambda finding: (finding.line, finding.code)))


def _built(names: Names, path: str) -> Iterator[Finding]:
    for built in built_sql(names):
        if built.origin is Origin.QUOTED:
            message = f"{built.what} is put into SQL as text: quoted is enough for a name, not for a value"
            yield SQL_FROM_DATA.finding(message, where=f"{path}:{built.line}", severity=Severity.INFO)
        else:
            message = f"{built.what} is put into SQL as text: pass values as ? or :name"
            yield SQL_FROM_DATA.finding(message, where=f"{path}:{built.line}")


def _imports(tree: ast.Module, path: str) -> Iterator[Finding]:
    stack: list[ast.AST] = [*reversed(tree.body)]
    while stack:
        node = stack.pop()
        line = node.lineno if isinstance(node, ast.stmt) else 0
        for module in _imported_by(node):
            if _is_application(module.partition(".")[0]):
                message = f"{module} is the application's, and will change: copy here what is needed of it"
                yield APPLICATION_IMPORTED.finding(message, where=f"{path}:{line}")
        stack.extend(reversed(_that_run(node)))


def _imported_by(node: ast.AST) -> list[str]:
    """The modules that an import statement names; helpers are left out."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and not node.level and node.module else []


def _that_run(node: ast.AST) -> list[ast.AST]:
    """The parts of `node`, without those that are there for a type checker alone."""
    if isinstance(node, ast.If):
        match node.test:
            case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
                return [*node.orelse]
            case ast.UnaryOp(op=ast.Not(), operand=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
                return [*node.body]
    return [] if isinstance(node, ast.expr) else [*ast.iter_child_nodes(node)]


def _is_application(module: str) -> bool:
    if module in sys.stdlib_module_names or module == "nukeworks_migrate":
        return False
    try:
        spec = PathFinder.find_spec(module)
    except (ImportError, ValueError):
        return True
    places = [spec.origin, *(spec.submodule_search_locations or ())] if spec else []
    return not any(place and _PACKAGES.search(place) for place in places)


def _values_in_python(names: Names, path: str, *, is_helper: bool) -> Iterator[Finding]:
    reached = names.reached_from(names.module.bindings if is_helper else _RUN)
    is_seeded = any(call.args and names.dotted(call.func, scope) == "random.seed" for call, scope in names.calls)
    for call, scope in names.calls:
        if scope.owner not in reached:
            continue
        called = [(call.func, len(call.args) + len(call.keywords))]
        handed_on = [(each, 0) for each in (*call.args, *(keyword.value for keyword in call.keywords))]
        for function, arguments in called + handed_on:
            name = names.dotted(function, scope)
            if _differs(name, arguments) and not (is_seeded and name.startswith("random.")):
                shown = ".".join(name.split(".")[-2:])
                yield VALUE_DIFFERS.finding(f"{shown}() has another value in every run", where=f"{path}:{call.lineno}")


def _differs(name: str, arguments: int) -> bool:
    if name in _DIFFERING:
        same_from = _DIFFERING[name]
        return same_from is None or arguments < same_from
    return name.startswith(_DIFFERING_MODULES) and name not in _OF_THEM_THE_SAME


def _values_in_sql(tree: ast.Module, path: str, statements_of: Callable[[str], Iterable[str]]) -> Iterator[Finding]:
    for function in _RUN:
        for told in sql_in_function(tree, function).in_order:
            for statement in statements_of(told.sql) if isinstance(told, SqlLiteral) else [told.sql]:
                yield from (finding.at(f"{path}:{told.line}") for finding in value_findings(statement))


def _no_downgrade(tree: ast.Module, path: str) -> Iterator[Finding]:
    lines = {node.name: node.lineno for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
    if "downgrade" not in lines:
        # At upgrade, so that a comment there can say that it is meant.
        where = f"{path}:{lines['upgrade']}" if "upgrade" in lines else path
        yield NO_DOWNGRADE.finding("there is no downgrade: the way back is a snapshot", where=where)
