"""A migration's header, read from its syntax tree; the file is never imported or run for it."""

from __future__ import annotations

import ast
import re
from typing import Any, NamedTuple

from ..model.migration import TransactionMode

HEADER_NAMES = frozenset({"depends_on", "transaction", "resources"})
FUNCTION_NAMES = frozenset({"upgrade", "downgrade", "check", "verify"})
_RELATIVE_IMPORT = rb"from[\s\\]*\."  # not compiled here: a file that is in the index needs no look
_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


class HeaderProblem(NamedTuple):
    line: int
    what: str
    remedy: str


class Header(NamedTuple):
    """What a file says about itself. A helper's header has only `imports`."""

    description: str = ""
    depends_on: tuple[str, ...] = ()
    depends_on_line: int = 0
    transaction: str = TransactionMode.SINGLE.value
    resources: tuple[str, ...] = ()
    has_downgrade: bool = False
    has_check: bool = False
    has_verify: bool = False
    imports: tuple[tuple[str, int], ...] = ()  # helpers as they are imported: name without .py, and line
    problems: tuple[HeaderProblem, ...] = ()


def read_header(content: bytes, *, is_helper: bool = False) -> Header:
    """Return the header of a file with these bytes, with all problems found in it.

    The bytes are UTF-8 with LF, as `read_source` gives them.
    """
    try:
        tree = ast.parse(content)
        # Some mistakes only the compiler sees: a return outside of a function, an await in a plain one.
        compile(tree, "migration", "exec", dont_inherit=True)
    except SyntaxError as error:
        return _unreadable(error.lineno or 0, f"syntax error: {error.msg}", "correct it")
    except ValueError as error:  # null bytes, before Python 3.12
        return _unreadable(0, f"cannot be parsed: {error}", "save it as plain UTF-8 text")
    except (RecursionError, MemoryError):
        return _unreadable(0, "nested too deeply to be parsed", "move the data out of the expression")
    reader = _Reader()
    if re.search(_RELATIVE_IMPORT, content):
        reader.read_imports(tree)
    if not is_helper:
        reader.read_module(tree, may_yield=b"yield" in content, may_walrus=b":=" in content)
    return reader.header(_description(tree))


def _unreadable(line: int, what: str, remedy: str) -> Header:
    return Header(problems=(HeaderProblem(line, what, remedy),))


def _description(tree: ast.Module) -> str:
    docstring = (ast.get_docstring(tree, clean=False) or "").strip()
    return docstring.splitlines()[0].strip() if docstring else ""


class _Reader:
    """Collects a header, and every problem on the way, from one module."""

    def __init__(self) -> None:
        self.problems: list[HeaderProblem] = []
        self.values: dict[str, Any] = {}
        self.lines: dict[str, int] = {}
        self.functions: dict[str, int] = {}
        self.imports: dict[str, int] = {}

    def header(self, description: str) -> Header:
        return Header(
            description=description,
            depends_on=self.values.get("depends_on", ()),
            depends_on_line=self.lines.get("depends_on", 0),
            transaction=self.values.get("transaction", TransactionMode.SINGLE.value),
            resources=self.values.get("resources", ()),
            has_downgrade="downgrade" in self.functions,
            has_check="check" in self.functions,
            has_verify="verify" in self.functions,
            imports=tuple(self.imports.items()),
            problems=tuple(sorted(self.problems, key=lambda p: p.line)),
        )

    def problem(self, line: int, what: str, remedy: str) -> None:
        self.problems.append(HeaderProblem(line, what, remedy))

    def read_module(self, tree: ast.Module, *, may_yield: bool, may_walrus: bool) -> None:
        for node in tree.body:
            if isinstance(node, _FUNCTION):
                if node.name in FUNCTION_NAMES:
                    self.read_function(node, may_yield=may_yield)
                elif node.name in HEADER_NAMES:
                    self.problem(node.lineno, f"{node.name} is a function here", "give it a literal value")
            elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                self.read_assignment(node)
                if may_walrus:
                    self.read_walruses(node)
            elif may_walrus or not isinstance(node, (ast.Expr, ast.ClassDef, ast.Pass)):
                self.read_other(node)
        if "upgrade" not in self.functions and not any("upgrade" in p.what for p in self.problems):
            self.problem(0, "there is no upgrade(db) in it", "add: def upgrade(db): …")

    def read_assignment(self, node: ast.Assign | ast.AnnAssign) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            for name in _bound_names(target):
                if name in HEADER_NAMES and isinstance(target, ast.Name):
                    self.read_value(name, node.value, node.lineno)
                else:
                    self.refuse_binding(name, node.lineno)

    def read_walruses(self, node: ast.stmt) -> None:
        for inner in ast.walk(node):
            if isinstance(inner, ast.NamedExpr):
                self.refuse_binding(inner.target.id, inner.lineno)

    def read_other(self, node: ast.stmt) -> None:
        """Look for header names bound in any other way: if, try, with, for, import, del, +=, :=."""
        stack: list[ast.AST] = [node]
        while stack:
            inner = stack.pop()
            if isinstance(inner, (*_FUNCTION, ast.ClassDef)):
                self.refuse_binding(inner.name, inner.lineno)
                continue
            if isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Load):
                self.refuse_binding(inner.id, inner.lineno)
            elif isinstance(inner, (ast.Import, ast.ImportFrom)):
                for alias in inner.names:
                    self.refuse_binding(alias.asname or alias.name, inner.lineno)
            stack.extend(ast.iter_child_nodes(inner))

    def refuse_binding(self, name: str, line: int) -> None:
        if name in HEADER_NAMES:
            self.problem(
                line,
                f"{name} is not a plain literal",
                f"write {name} = … once, at the top level, as a literal",
            )
        elif name in FUNCTION_NAMES:
            self.problem(line, f"{name} is not a plain function", f"write def {name}(db): … once, at the top level")

    def read_value(self, name: str, node: ast.expr | None, line: int) -> None:
        if name in self.lines:
            self.problem(line, f"{name} stands twice, also in line {self.lines[name]}", "keep one of them")
            return
        self.lines[name] = line
        try:
            value = ast.literal_eval(node) if node is not None else None
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            self.problem(line, f"{name} is not a literal", _remedy_for(name))
            return
        if name == "transaction":
            if value in [mode.value for mode in TransactionMode]:
                self.values[name] = value
            else:
                self.problem(line, f"transaction is {value!r}", 'write transaction = "single" or "none"')
        elif isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
            self.values[name] = tuple(value)
        else:
            self.problem(line, f"{name} is not a list of strings", _remedy_for(name))

    def read_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, *, may_yield: bool) -> None:
        name = node.name
        if name in self.functions:
            self.problem(node.lineno, f"{name} is defined twice, also in line {self.functions[name]}", "keep one")
            return
        self.functions[name] = node.lineno
        if isinstance(node, ast.AsyncFunctionDef):
            self.problem(node.lineno, f"{name} is a coroutine and would never run", f"write def {name}(db): …")
        elif may_yield and _yields(node):
            self.problem(node.lineno, f"{name} is a generator and would never run", f"take the yield out of {name}")
        arguments = node.args
        positional = len(arguments.posonlyargs) + len(arguments.args)
        required = positional - len(arguments.defaults)
        keywords = any(default is None for default in arguments.kw_defaults)
        takes_one = required <= 1 and (positional >= 1 or arguments.vararg is not None) and not keywords
        if not takes_one:
            self.problem(node.lineno, f"{name} does not take exactly one argument, db", f"write def {name}(db): …")

    def read_imports(self, tree: ast.Module) -> None:
        for node in ast.walk(tree):
            if not isinstance(node, ast.ImportFrom) or not node.level:
                continue
            names = [node.module] if node.module else [alias.name for alias in node.names]
            for name in names:
                if node.level == 1 and name.startswith("_") and "." not in name:
                    self.imports.setdefault(name, node.lineno)
                else:
                    self.problem(
                        node.lineno,
                        f"imports {'.' * node.level}{name}, which is no helper",
                        "helpers are files of this folder whose names begin with _: from ._names import …",
                    )


def _remedy_for(name: str) -> str:
    if name == "depends_on":
        return 'write the names themselves: depends_on = ["0001_first"]'
    if name == "resources":
        return 'write the names themselves: resources = ["confidential_key"]'
    return 'write transaction = "single" or "none"'


def _bound_names(target: ast.expr) -> list[str]:
    return [node.id for node in ast.walk(target) if isinstance(node, ast.Name)]


def _yields(function: ast.FunctionDef) -> bool:
    """Whether `function` itself is a generator; functions inside it do not count."""
    stack: list[ast.AST] = list(function.body)
    while stack:
        node = stack.pop()
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(node, (*_FUNCTION, ast.Lambda, ast.ClassDef)):
            stack.extend(ast.iter_child_nodes(node))
    return False
