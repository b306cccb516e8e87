"""A small application shaped like NukeWorks: a factory, users of whom some are admins, one SQLite file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from flask import Flask, abort, current_app, g, jsonify, redirect, request, session, url_for

from nukeworks_migrate.web import Migrations

PASSWORD = "correct horse"

LOGIN = """<!doctype html><html lang="en"><title>NukeWorks</title><h1>Log in</h1>
<form method="post"><label>User <input name="username"></label>
<label>Password <input name="password" type="password"></label><button>Log in</button></form>"""


def create_app(database: Path, versions: Path, **config) -> Flask:
    """Make the application over `database`; `config` is what its settings say besides."""
    app = Flask("nukeworks_application", root_path=str(database.parent))  # no package: tests has one named nukeworks
    app.config.update(
        SECRET_KEY="for tests only",
        DATABASE_PATH=str(database),
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{database}",
        MIGRATIONS_VERSIONS=str(versions),
        MIGRATIONS_SNAPSHOTS=str(database.parent / "snapshots"),
        MIGRATIONS_HEADER_INDEX=False,
        MIGRATIONS_AT_START="dialog",
        MIGRATIONS_OPEN_ENDPOINTS=["login"],
    )
    app.config.update(config)

    @app.before_request
    def load_user():
        g.user = None
        if "user_id" in session:
            g.user = _row("SELECT * FROM users WHERE user_id = ?", (session["user_id"],))

    @app.route("/login", methods=["GET", "POST"])
    def login():
        if request.method == "GET":
            return LOGIN
        user = _row("SELECT * FROM users WHERE username = ?", (request.form["username"],))
        if user is None or request.form["password"] != PASSWORD:
            abort(401)
        session["user_id"] = user["user_id"]
        return redirect(url_for("index"))

    @app.route("/")
    def index():
        # Asks for a column that only the last version has, as the application's own code does.
        row = _row("SELECT count(*) AS projects, max(unit_count) AS units FROM projects", ())
        return f"<!doctype html><html lang='en'><title>NukeWorks</title><h1>{row['projects']} projects</h1>"

    @app.route("/api/vendors")
    def vendors():
        return jsonify(count=_row("SELECT count(*) AS vendors FROM technology_vendors", ())["vendors"])

    Migrations(app, authorize=lambda: g.user is not None and bool(g.user["is_admin"]))
    return app


def add_users(database: Path) -> None:
    """Put ann, who is an admin, and bob, who is not, into a database of any version."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executemany(
            "INSERT INTO users (username, email, password_hash, is_admin) VALUES (?, ?, '-', ?)",
            [("ann", "ann@example.com", 1), ("bob", "bob@example.com", 0)],
        )


def _row(sql, params):
    with closing(sqlite3.connect(current_app.config["DATABASE_PATH"])) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(sql, params).fetchone()
