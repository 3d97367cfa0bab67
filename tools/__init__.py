"""What keeps the repository in order: code generation, checks, house lints, the making of a service."""
