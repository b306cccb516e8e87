"""Serves the small application at 127.0.0.1, in a process of its own: serve.py DATABASE VERSIONS PORT.

The process prints a line when it answers, and is ended as any server is.
"""

from __future__ import annotations

import sys
from pathlib import Path

from werkzeug.serving import make_server

sys.path.insert(0, str(Path(__file__).parents[1]))

from web.application import create_app

if __name__ == "__main__":
    database, versions, port = sys.argv[1:]
    server = make_server("127.0.0.1", int(port), create_app(Path(database), Path(versions)), threaded=True)
    print(server.server_port, flush=True)  # noqa: T201
    server.serve_forever()
