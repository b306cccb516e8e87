"""The application's side: the Flask extension, and the dialog in which a database is migrated.

`from nukeworks_migrate.web import Migrations`; it needs the extra `flask`.
"""

from .extension import Migrations

__all__ = ["Migrations"]
