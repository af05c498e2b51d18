"""Fetches one file from the model hub with its own client, as a process of its own.

The engine runs with the hub switched off; only this process, started by ``vatt models pull``,
has it on. One JSON object a line on stdout: progress, then ``path`` or ``error``.

Usage: python -m vatt_engine.official.hub_fetch REPOSITORY FILE FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from vatt_engine.manifest import file_sha256

GATED, MISSING, DISK, NETWORK = "gated", "missing", "disk", "network"


class _Lines(tqdm):  # type: ignore[misc]
    """A progress bar that writes JSON lines."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._wanted = kwargs.get("unit") == "B"
        super().__init__(*args, **{**kwargs, "file": sys.stderr, "mininterval": 0.2})

    def display(self, *_: Any, **__: Any) -> None:
        """Say how far it is."""
        if self._wanted:
            say(done=int(self.n), total=int(self.total) if self.total else None)


def say(**facts: Any) -> None:
    """One line for the parent."""
    print(json.dumps(facts), flush=True)  # noqa: T201 (stdout is the wire here)


def main(repository: str, name: str, folder: str) -> int:
    """Fetch; 0 when the file is there and is what the hub says it is."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
    from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, RepositoryNotFoundError

    try:
        path = hf_hub_download(repository, name, local_dir=folder, tqdm_class=_Lines)
        etag = get_hf_file_metadata(hf_hub_url(repository, name)).etag or ""
        if len(etag) == 64 and file_sha256(Path(path)) != etag:
            Path(path).unlink()
            say(error=NETWORK, message=f"{name} is not the expected file (SHA-256 differs)")
            return 1
    except GatedRepoError as error:
        say(error=GATED, message=str(error).splitlines()[0])
    except (EntryNotFoundError, RepositoryNotFoundError) as error:
        say(error=MISSING, message=str(error).splitlines()[0])
    except OSError as error:
        kind = DISK if error.errno is not None and error.errno > 0 else NETWORK
        say(error=kind, message=str(error).splitlines()[0], errno=error.errno or 0)
    except Exception as error:  # the client's own errors have no common base but this
        say(error=NETWORK, message=str(error).splitlines()[0])
    else:
        say(path=str(path))
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
