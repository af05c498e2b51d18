"""Writing ``.otioz`` and ``.otiod``: the timeline with its media inside."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from vatt_plugin.timeline.bundles import CONTENT, open_bundle
from vatt_plugin.timeline.errors import TimelineNotWritten
from vatt_plugin.timeline.media import MediaFinder
from vatt_plugin.timeline.model import Note, Timeline
from vatt_plugin.timeline.naming import plain, unique_name
from vatt_plugin.timeline.own import take_in_name
from vatt_plugin.timeline.saving import commit, not_written

VERSION = "1.0.0"
"""Of the bundle layout, as OTIO writes it into ``version.txt``."""


def is_bundle(path: Path) -> bool:
    """Whether a path asks for a bundle."""
    return path.suffix.lower() in (".otioz", ".otiod")


def pack(timeline: Timeline, text: str, wavs: Iterable[Path], out_path: Path) -> list[Note]:
    """Write a bundle: the timeline, our WAVs, and every media file of the cut that is there.

    Media that is offline keeps its URL. Inside a bundle URLs can only be ``media/<name>``, so
    those of packed media are rewritten; nothing else of the cut is.

    Raises:
        TimelineNotWritten: the disk is full or the folder not writable.
    """
    data = json.loads(text)
    source = timeline.document.bundle
    inside = open_bundle(source).members if source is not None else frozenset()
    taken = {Path(name).name.casefold() for name in inside}
    files: dict[Path, str] = {}
    finder = MediaFinder(timeline.document.base)
    finder_out = MediaFinder(out_path.parent)
    offline: set[str] = set()
    ours = {_absolute(path) for path in wavs}
    for reference in _references(data):
        url = reference["target_url"]
        if url.removeprefix("./") in inside:
            continue
        found = finder_out.find(url)
        if found.path is None or _absolute(found.path) not in ours:
            found = finder.find(url)
        if found.path is None or found.status != "ready":
            offline.add(url)
            continue
        path = _absolute(found.path)
        if path not in files:
            stem, suffix = path.stem, path.suffix
            name = unique_name(plain(stem) + plain_suffix(suffix), taken)
            taken.add(name.casefold())
            files[path] = f"media/{name}"
        reference["target_url"] = files[path]
    # Earlier takes of ours that nothing plays any more stay behind.
    used = {reference["target_url"].removeprefix("./") for reference in _references(data)}
    inside = frozenset(name for name in inside if name in used or not take_in_name(name))
    body = json.dumps(data, indent=4).encode()
    try:
        if out_path.suffix.lower() == ".otioz":
            _write_zip(out_path, body, files, source, inside)
        else:
            _write_folder(out_path, body, files, source, inside)
    except OSError as error:
        raise not_written(out_path, error) from error
    if not offline:
        return []
    return [Note("not_packed", f"{len(offline)} media files are offline and not in the bundle.")]


def _absolute(path: Path) -> Path:
    """Absolute, without ``..``; symbolic links stay as the user made them."""
    return Path(os.path.abspath(path))  # noqa: PTH100


def plain_suffix(suffix: str) -> str:
    """A file ending, if it is an ordinary one."""
    return suffix if suffix[1:].isalnum() and suffix.isascii() else ""


def _references(data: Any) -> Iterator[dict[str, Any]]:
    """External references anywhere in the timeline, metadata left alone."""
    stack = [data]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            schema = str(item.get("OTIO_SCHEMA", ""))
            if schema.startswith("ExternalReference.") and isinstance(item.get("target_url"), str):
                yield item
            stack.extend(value for key, value in item.items() if key != "metadata")
        elif isinstance(item, list):
            stack.extend(item)


def _write_zip(
    out_path: Path,
    body: bytes,
    files: Mapping[Path, str],
    source: Path | None,
    inside: frozenset[str],
) -> None:
    handle, temporary = tempfile.mkstemp(dir=out_path.parent, prefix=".vatt-", suffix=".part")
    os.close(handle)
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            archive.writestr(CONTENT, body, zipfile.ZIP_DEFLATED)
            archive.writestr("version.txt", VERSION, zipfile.ZIP_DEFLATED)
            for path, member in files.items():
                archive.write(path, member)
            if source is not None and inside:
                _copy_members(source, archive, inside)
        with zipfile.ZipFile(temporary) as archive:
            if archive.read(CONTENT) != body:
                raise TimelineNotWritten(f"{out_path.name} did not read back as it was written.")
        with Path(temporary).open("rb") as stream:
            os.fsync(stream.fileno())
        commit(Path(temporary), out_path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _copy_members(source: Path, archive: zipfile.ZipFile, inside: frozenset[str]) -> None:
    kept = sorted(inside - {CONTENT, "version.txt"})
    if source.is_dir():
        for name in kept:
            archive.write(source / name, name)
        return
    with zipfile.ZipFile(source) as old:
        for name in kept:
            with old.open(name) as stream, archive.open(name, "w", force_zip64=True) as out:
                shutil.copyfileobj(stream, out, 1 << 20)


def _write_folder(
    out_path: Path,
    body: bytes,
    files: Mapping[Path, str],
    source: Path | None,
    inside: frozenset[str],
) -> None:
    temporary = Path(tempfile.mkdtemp(dir=out_path.parent, prefix=".vatt-"))
    try:
        (temporary / "media").mkdir()
        (temporary / CONTENT).write_bytes(body)
        for path, member in files.items():
            shutil.copyfile(path, temporary / member)
        if source is not None:
            _unpack_members(source, temporary, inside)
        temporary.chmod(0o755)
        if out_path.exists():  # --force: the old bundle stays until the new one stands
            old = Path(tempfile.mkdtemp(dir=out_path.parent, prefix=".vatt-")) / "old"
            out_path.rename(old)
            temporary.rename(out_path)
            shutil.rmtree(old.parent, ignore_errors=True)
        else:
            temporary.rename(out_path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _unpack_members(source: Path, folder: Path, inside: frozenset[str]) -> None:
    for name in sorted(inside - {CONTENT, "version.txt"}):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copyfile(source / name, target)
        else:
            with zipfile.ZipFile(source) as old, old.open(name) as stream, target.open("wb") as out:
                shutil.copyfileobj(stream, out, 1 << 20)
