"""What the directory hears, of the forum and of itself; one module a concern."""
