"""SQLite: one file, the standard library's driver, and a guard around what migrations do."""
