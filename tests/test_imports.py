"""Imports run one way, third-party packages stay in their rooms, and looking at the status imports little."""

import ast
import subprocess
import sys
from pathlib import Path

import nukeworks_migrate

PACKAGE = Path(nukeworks_migrate.__file__).parent
# A room may import from rooms below it in this list; databases and files stand side by side.
FACES = {"cli", "web", "compat"}
FLOORS = [
    {"__main__"},
    FACES,
    {"actions"},
    {"application"},
    {"settings"},
    {"project", "runtime"},
    {"files", "databases"},
    {"model"},
    {"errors", "version"},
]
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
OUTSIDE = {
    "click": {"cli", "web"},
    "rich": {"cli"},
    "flask": {"web"},
    "werkzeug": {"web"},
    "sqlparse": {"model"},
    "sqlite3": {"databases"},
}


def modules():
    return sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py" or path.parent != PACKAGE)


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path):
    """Yield each import of a module: its absolute name, also from inside functions."""
    parts = ("nukeworks_migrate", *path.relative_to(PACKAGE).with_suffix("").parts)
    package = parts if path.name == "__init__.py" else parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1]
            if node.module:
                yield ".".join((*base, node.module))
            else:
                yield from (".".join((*base, alias.name)) for alias in node.names)


def test_imports_run_from_faces_down_to_errors_and_never_back():
    wrong = []
    for path in modules():
        room = room_of(path)
        for name in imports(path):
            if not name.startswith("nukeworks_migrate."):
                continue
            target = name.split(".")[1]
            # Faces know each other: the dialog says what the terminal says, `migrate ui` opens the dialog.
            if room != target and not {room, target} <= FACES and FLOOR_OF[target] <= FLOOR_OF[room]:
                wrong.append(f"{path.relative_to(PACKAGE)} imports {name}")
    assert wrong == []


def test_third_party_packages_and_drivers_stay_in_their_rooms():
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in modules()
        for name in imports(path)
        if name.split(".")[0] in OUTSIDE and room_of(path) not in OUTSIDE[name.split(".")[0]]
    ]
    assert wrong == []


def test_status_imports_what_it_needs_and_nothing_heavy(folder):
    folder.add_table("0001_one", "one")
    assert folder.run("up", "--yes").returncode == 0
    script = (
        "import sys; from nukeworks_migrate.cli.main import run; run(['-d', 'app.sqlite', 'status']);"
        "print('\\n'.join(sorted(sys.modules)), file=sys.stderr)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder.path, capture_output=True, text=True, encoding="utf-8", check=True
    )

    loaded = set(done.stderr.split())
    ours = {name for name in loaded if name.startswith("nukeworks_migrate.")}
    heavy = {"rich", "sqlparse", "tomllib", "importlib.metadata", "asyncio", "concurrent.futures", "flask"}
    assert loaded & heavy == set()
    assert ours == {
        "nukeworks_migrate." + name
        for name in (
            "actions",
            "actions.standing",
            "actions.status",
            "cli",
            "cli.exits",
            "cli.looking",
            "cli.main",
            "cli.options",
            "cli.output",
            "cli.text",
            "databases",
            "databases.base",
            "databases.ledger",
            "databases.sqlite",
            "databases.sqlite.connection",
            "databases.sqlite.database",
            "databases.sqlite.files",
            "errors",
            "files",
            "files.folder",
            "files.header",
            "files.index",
            "files.source",
            "model",
            "model.graph",
            "model.history",
            "model.migration",
            "model.standing",
            "project",
            "settings",
            "version",
        )
    }
