"""Values and pure decisions: no connection, path, clock or log."""
