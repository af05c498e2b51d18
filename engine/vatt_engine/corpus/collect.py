"""First half of a build: every source file becomes a clip on disk or a reason why not.

Work is done package by package. A finished package leaves one JSON-lines file of facts; its name
carries a digest of everything that decides the result (the rows asked for and the version of the
processing), so a second run skips it and a changed manifest redoes it.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import logging
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from vatt_engine.corpus import audio
from vatt_engine.corpus.containers import BadContainer, read_deb, read_inside
from vatt_engine.corpus.fetch import fetch_package
from vatt_engine.corpus.sources import Source
from vatt_engine.evaluation.onsets import find_onsets

log = logging.getLogger(__name__)

PROCESSING_VERSION = 2
"""Raised when `collect` or `audio` would make other clips from the same files."""


@dataclass(frozen=True)
class Origin:
    """Where a package's files are: a Debian package to fetch, or a folder that is there."""

    folder: Path | None = None
    packages: Path | None = None
    keep_packages: bool = True


def package_digest(sources: list[Source]) -> str:
    """What decides the clips of a package, as 12 hexadecimal digits."""
    rows = json.dumps([PROCESSING_VERSION, *(asdict(source) for source in sources)])
    return hashlib.sha256(rows.encode()).hexdigest()[:12]


def facts_path(out: Path, package: str, sources: list[Source]) -> Path:
    """Where a finished package's facts lie."""
    return out / "facts" / f"{slug(package)}-{package_digest(sources)}.jsonl"


def collect_package(out: Path, package: str, sources: list[Source], origin: Origin) -> Path:
    """Make all clips of a package; does nothing when it was done before.

    Returns:
        the file of facts: one row a source, kept or dropped, in the order of ``sources``.

    Raises:
        PackageUnavailable: the package cannot be had. A damaged file in it only costs its clips.
    """
    done = facts_path(out, package, sources)
    if done.is_file():
        return done
    rows: dict[str, dict[str, Any]] = {}
    for source, data in _read(out, package, sources, origin):
        rows[source.path] = _make(out, source, data)
    for source in sources:
        rows.setdefault(source.path, _dropped(source, "not in the package"))
    lines = [json.dumps(rows[source.path], sort_keys=True) for source in sources]
    write_atomic(done, "\n".join(lines) + "\n")
    if origin.packages and not origin.keep_packages:
        for path in origin.packages.glob(f"{package}_*.deb"):
            path.unlink()
    return done


def _read(
    out: Path, package: str, sources: list[Source], origin: Origin
) -> Iterator[tuple[Source, bytes]]:
    if origin.folder is not None:
        for source in sources:
            path = origin.folder / source.path
            if path.is_file():
                yield source, path.read_bytes()
        return
    assert origin.packages is not None
    deb = fetch_package(origin.packages, package, sources[0].version)
    by_outer: dict[str, dict[str, Source]] = {}
    for source in sources:
        by_outer.setdefault(source.outer, {})[source.inner] = source
    terms = f"usr/share/doc/{package}/copyright"
    try:
        for name, file in read_deb(deb, [*by_outer, terms]):
            if name == terms:
                write_atomic(out / "licences" / f"{package}.txt", file.read())
                continue
            wanted = by_outer[name]
            if "" in wanted:
                yield wanted[""], file.read()
                continue
            try:
                found = read_inside(name, file, wanted.keys())
            except BadContainer as error:
                log.warning("%s: %s", package, error)
                continue
            for inner, data in found.items():
                yield wanted[inner], data
    except BadContainer as error:
        log.warning("%s: %s", package, error)


def _make(out: Path, source: Source, data: bytes) -> dict[str, Any]:
    digest = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    if source.sha1 and not digest.startswith(source.sha1):
        return _dropped(source, "other content than listed")
    try:
        clip = audio.prepare(data)
    except audio.Unusable as reason:
        return _dropped(source, str(reason))
    except Exception as error:  # a decoder may fail in its own ways; one file must not stop all
        log.warning("%s: %s: %r", source.package, source.path, error)
        return _dropped(source, "cannot be decoded")
    name = f"{slug(Path(source.inner or source.path).stem)[:40]}-{digest[:8]}.flac"
    file = Path("audio") / slug(source.package) / name
    buffer = io.BytesIO()
    soundfile.write(buffer, clip.wave, audio.SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    write_atomic(out / file, buffer.getvalue())
    onsets = find_onsets(clip.wave, audio.SAMPLE_RATE).times_s
    mark = audio.fingerprint(clip.wave).astype(np.float16)
    return {
        **asdict(source),
        "file": file.as_posix(),
        "seconds": round(len(clip.wave) / audio.SAMPLE_RATE, 3),
        "source_rate": clip.source_rate,
        "gain_db": round(clip.gain_db, 1),
        "cut_s": round(clip.cut_s, 3),
        "onsets_s": [round(float(t), 3) for t in onsets[:64]],
        "fingerprint": base64.b64encode(mark.tobytes()).decode(),
        "sha1": digest,
    }


def _dropped(source: Source, reason: str) -> dict[str, Any]:
    return {**asdict(source), "dropped": reason}


def slug(text: str) -> str:
    """A name that is safe as a file name anywhere."""
    return re.sub(r"[^A-Za-z0-9.+-]+", "_", text).strip("._") or "sound"


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    data = content.encode() if isinstance(content, str) else content
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
