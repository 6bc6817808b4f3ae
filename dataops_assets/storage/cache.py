"""Files on this machine with the bytes of objects that lie elsewhere, each under the hash of its bytes.

A file is hashed again by each process that uses it for the first time: a disk forgets as well. What nobody has used for a day
goes.
"""

import contextlib
import os
import time
from pathlib import Path

from dataops_assets.storage.folder import Folder
from dataops_assets.storage.store import WRITER_LIVES

_TOP = "_cache"
_FRESH_SECONDS, _TRIM_EVERY_SECONDS = 3600.0, 3600.0


class Cache:
    """Files under their hash, below a folder.

    Args:
        here: The folder.
    """

    def __init__(self, here: Folder):
        self._here = here
        self._trimmed = time.monotonic()

    def get(self, name: str, sha256: str) -> Path | None:
        """The file with these bytes, if it is kept and whole."""
        key = self._key(name, sha256)
        if self._here.sha256(key) != sha256:
            return None
        kept = self._here.path(key)
        with contextlib.suppress(FileNotFoundError):
            if time.time() - kept.stat().st_mtime > _FRESH_SECONDS:
                os.utime(kept)  # what is used stays longer
            return kept
        return None

    def add(self, name: str, sha256: str, draft: Path) -> Path:
        """Keep a draft that was found to have these bytes."""
        if time.monotonic() - self._trimmed > _TRIM_EVERY_SECONDS:
            self._trimmed = time.monotonic()
            self.trim(time.time())
        key = self._key(name, sha256)
        self._here.write(key, draft, {})
        return self._here.path(key)

    def trim(self, now: float) -> None:
        """Remove what nobody has used for a day before a moment, in seconds since 1970."""
        for kept in self._here.path(_TOP).glob("*"):
            with contextlib.suppress(FileNotFoundError):
                if now - kept.stat().st_mtime > WRITER_LIVES.total_seconds():
                    kept.unlink()

    def _key(self, name: str, sha256: str) -> str:
        return f"{_TOP}/{sha256}{Path(name).suffix}"
