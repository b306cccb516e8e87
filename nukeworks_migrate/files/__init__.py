"""`versions/` on disk: headers, checksums, loading, new files."""
