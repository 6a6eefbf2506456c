"""Keys that are made once for an installation and kept in its vault."""

import contextlib
import os
import secrets
from pathlib import Path

__all__ = ["kept_key"]


def kept_key(path: Path) -> bytes:
    """Return the key in a file, made when missing: readable by the owner alone, whole, and the same for all who ask at once."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_hex(32).encode())
            file.flush()
            os.fsync(file.fileno())
        # a link to a name that is taken fails: whoever came first has made the key
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
    return path.read_bytes()
