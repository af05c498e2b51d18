"""What a batch has already made, so that a rerun makes only the rest.

A text file in the media folder beside the output: one checksummed line per finished cue, on disk
before the cue counts as done. A torn last line (a crash, a full disk) is dropped, and a take whose
file is gone or changed is made again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vatt_engine.errors import CannotWrite
from vatt_plugin.cues import Take
from vatt_plugin.journal import decode_line, encode_line
from vatt_plugin.project_state import take_from_plain, take_to_plain

LEDGER = "vatt-done.jsonl"


class Ledger:
    """Finished cues of one media folder, by the key of their request.

    Args:
        folder: where the WAVs and the ledger lie; need not exist to read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._records: dict[str, dict[str, Any]] = {}
        self._torn = False
        with contextlib.suppress(OSError):
            data = (folder / LEDGER).read_bytes()
            self._torn = bool(data) and not data.endswith(b"\n")
            for line in data.splitlines(keepends=True):
                record = decode_line(line)
                if record is not None and isinstance(record.get("key"), str):
                    self._records[record["key"]] = record

    def takes(self, key: str) -> tuple[Take, ...]:
        """The takes made for a request, if every file is still what was written; else none."""
        found: list[Take] = []
        try:
            for entry in self._records.get(key, {}).get("takes", ()):
                path = self._folder / Path(entry["wav_path"]).name
                if _sha256(path) != entry["file_sha256"]:
                    return ()
                found.append(take_from_plain({**entry, "wav_path": str(path)}))
        except (OSError, KeyError, TypeError, ValueError):
            return ()
        return tuple(found)

    def add(self, key: str, takes: Sequence[Take]) -> None:
        """Record the takes of a request as done.

        Raises:
            CannotWrite: the disk would not take the line.
        """
        entries = []
        try:
            for take in takes:
                path = Path(take.wav_path)
                plain = take_to_plain(dataclasses.replace(take, wav_path=path.name, codes_path=""))
                entries.append({**plain, "file_sha256": _sha256(path)})
            record = {"key": key, "takes": entries}
            line = (b"\n" if self._torn else b"") + encode_line(record)
            with (self._folder / LEDGER).open("ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            self._torn = True
            raise CannotWrite(
                f"{LEDGER} was not saved: {error.strerror or error}. Finished sounds are safe.",
                "Free some space or choose a folder you may write to; then run the same again.",
            ) from error
        self._torn = False
        self._records[key] = record


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
