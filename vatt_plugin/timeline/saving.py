"""Writing files so that each is wholly old or wholly new, also when the disk is full."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from vatt_plugin.timeline.errors import TimelineNotWritten


def save(path: Path, data: bytes) -> None:
    """Write bytes under a temporary name, read them back, then rename.

    Raises:
        TimelineNotWritten: the folder is not writable, the disk is full, or what was written does
            not read back. Nothing is left under the final name then, or the old file stays.
    """
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".vatt-", suffix=".part")
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        if Path(temporary).read_bytes() != data:
            raise TimelineNotWritten(f"{path.name} did not read back as it was written.")
        commit(Path(temporary), path)
    except OSError as error:
        raise not_written(path, error) from error
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def commit(temporary: Path, path: Path) -> None:
    """Rename a finished temporary file over ``path`` and make the renaming durable."""
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask()
    temporary.chmod(mode)
    temporary.replace(path)
    if hasattr(os, "O_DIRECTORY"):
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        except OSError:  # some network file systems cannot; the rename itself has happened
            pass
        finally:
            os.close(folder)


def not_written(path: Path, error: OSError) -> TimelineNotWritten:
    """The named error for a failed write."""
    return TimelineNotWritten(
        f"{path} could not be written: {error.strerror or error}.",
        "Nothing was overwritten. Check free space and permissions, or choose another place.",
    )


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value
