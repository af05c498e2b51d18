"""Where and as what a timeline may be written; asked before its sounds are made, not after."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import opentimelineio as otio

from vatt_plugin.timeline.errors import TimelineNotWritten, TimelineOutputExists
from vatt_plugin.timeline.packing import is_bundle

OTIO_SUFFIXES = (".otio", ".json", "")
OTHER_FORMS = "Write .otio, .otioz or .otiod, or the WAVs alone (vatt export)."
"""What helps where a format cannot carry the sounds."""


def check_output(source: Path, out_path: Path, force: bool) -> None:
    """Refuse to write over the input, ever, and over anything else without ``force``.

    Raises:
        TimelineOutputExists: see above.
        TimelineNotWritten: its folder is not there, or closed.
    """
    if out_path.exists() and source.exists() and out_path.samefile(source):
        raise TimelineOutputExists(
            f"{out_path.name} is the input itself, which is never written.",
            "Choose another name with -o.",
        )
    if out_path.is_dir() and not is_bundle(out_path):
        raise TimelineOutputExists(f"{out_path} is a folder.", "Name the file in it, too.")
    if out_path.exists() and not force:
        raise TimelineOutputExists(
            f"{out_path} is already there.", "Choose another name, or replace it with --force."
        )
    if not out_path.parent.is_dir():
        raise TimelineNotWritten(
            f"The folder {out_path.parent} does not exist.", "Make it first, or choose another."
        )
    as_acting = os.access in os.supports_effective_ids
    if not os.access(out_path.parent, os.W_OK, effective_ids=as_acting):
        raise TimelineNotWritten(
            f"You may not write to the folder {out_path.parent}.", "Choose another."
        )


def check_form(out_path: Path) -> None:
    """Refuse an output that could not carry the sounds; before they are made, not after.

    Raises:
        TimelineNotWritten: its format holds no audio tracks, or nothing here writes it.
    """
    suffix = out_path.suffix.lower()
    if suffix == ".edl":
        raise TimelineNotWritten(
            "An EDL cannot carry the new audio tracks: its writer drops all audio.",
            OTHER_FORMS,
        )
    if suffix in OTIO_SUFFIXES or is_bundle(out_path):
        return
    if suffix.lstrip(".") not in otio.adapters.suffixes_with_defined_adapters(write=True):
        raise TimelineNotWritten(
            f"No installed OTIO adapter writes {suffix} files.", "Write .otio, .otioz or .otiod."
        )


@contextlib.contextmanager
def gone_if_empty(folder: Path) -> Iterator[None]:
    """Take away a folder that was made meanwhile for files that never came, whatever happened."""
    was_there = folder.exists()
    try:
        yield
    finally:
        if not was_there:
            with contextlib.suppress(OSError):  # it holds something, or was never made
                folder.rmdir()
