"""Files that hold what others must not read."""

import os
from pathlib import Path


def write_private(path: Path, content: bytes) -> None:
    """Writes a file that was never readable by others, and never seen half written."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    draft.rename(path)
