"""Work that nobody waits for: one module a kind."""
