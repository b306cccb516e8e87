"""The pages of the dialog and what they look like, for a program that imports `nukeworks_migrate.web`."""

import os

_WEB = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "web")

datas = [(os.path.join(_WEB, folder), f"nukeworks_migrate/web/{folder}") for folder in ("templates", "static")]
