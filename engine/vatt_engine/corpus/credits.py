"""The credit list that goes with anything made from the corpus.

Collected clips name their author. For Debian packages the author is looked up in the package's
machine-readable copyright file (DEP-5), whose stanzas name files of the source tree: the last
stanza that fits the installed path wins, as the format says.
"""

from __future__ import annotations

import csv
import fnmatch
import io
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from vatt_engine.corpus.collect import write_atomic
from vatt_engine.corpus.licences import parse_licence

_COLUMNS = ("package", "version", "path", "author", "url", "licence", "licence_url", "changes")
_CHANGES = "mixed to mono, resampled to 24 kHz, silence trimmed, level changed"


def write_credits(out: Path, rows: list[dict[str, Any]]) -> None:
    """Write ATTRIBUTION.csv (every clip) and ATTRIBUTION.md (every package) into ``out``.

    Copyright files are expected in ``out/licences``; where one is missing it is referred to.
    """
    texts = {path.stem: path for path in (out / "licences").glob("*.txt")}
    stanzas = {
        package: parse_stanzas(path.read_text(encoding="utf-8", errors="replace"))
        for package, path in texts.items()
    }
    rows = [
        row
        if row["author"]
        else {**row, "author": holders(stanzas.get(row["package"], []), row["path"])}
        for row in rows
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in rows:
        licence = parse_licence(row["licence"])
        writer.writerow(
            [
                row["package"],
                row["version"],
                row["path"],
                row["author"] or f"see the copyright file of {row['package']}",
                row["url"],
                row["licence"],
                licence.url if licence else "",
                _CHANGES,
            ]
        )
    write_atomic(out / "ATTRIBUTION.csv", text.getvalue())
    write_atomic(out / "ATTRIBUTION.md", markdown(rows))


Stanza = tuple[tuple[str, ...], str]
"""(file patterns, copyright holders)."""


def parse_stanzas(text: str) -> list[Stanza]:
    """File stanzas of a DEP-5 copyright file, in order; years and addresses taken off."""
    found: list[Stanza] = []
    for block in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"(?ms)^(Files|Copyright):(.*?)(?=^\S|\Z)", block))
        if "Files" not in fields or "Copyright" not in fields:
            continue
        names = (_holder(line) for line in fields["Copyright"].splitlines())
        unique = dict.fromkeys(name for name in names if name)
        found.append((tuple(fields["Files"].split()), "; ".join(unique)))
    return found


def _holder(line: str) -> str:
    line = re.sub(r"<[^>]*>|https?://\S+|\([cC]\)|©|[Cc]opyright:?", " ", line)
    line = re.sub(r"\(\s*\)|\($", " ", line.strip())
    line = re.sub(r"\b(19|20)\d\d\b\s*([-–,]\s*((19|20)\d\d|present)?\s*)*", " ", line)
    return re.sub(r"\s+", " ", line).strip(" ,;.-(")


def holders(stanzas: list[Stanza], path: str) -> str:
    """Who holds the copyright of an installed file; "" when nothing fits.

    Installed paths differ from those of the source tree at the front only, so a pattern fits when
    its last parts do: the name and, for a bare ``*``, the folder it stands in.
    """
    parts = path.replace("!/", "/").split("/")
    best = ""
    for patterns, names in stanzas:
        for pattern in patterns:
            *folders, last = pattern.rstrip("/").split("/")
            if last != "*":
                fits = fnmatch.fnmatch(parts[-1], last) and (
                    not folders or folders[-1] in parts or any(c in folders[-1] for c in "*?")
                )
            else:
                fits = not folders or folders[-1] in parts[:-1]
            if fits and names:
                best = names
    return best


def markdown(rows: list[dict[str, Any]]) -> str:
    """The credits in brief: one line per package, its authors where they are named."""
    by_package: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_package[row["package"]].append(row)
    lines = [
        "# Credits",
        "",
        "Recordings by these people and projects were used. Every clip was " + _CHANGES + ".",
        "ATTRIBUTION.csv names each file. Holders in Debian packages were read from the copyright",
        "files of the packages, `/usr/share/doc/PACKAGE/copyright`, which have the last word.",
        "",
        "| source | version | clips | minutes | licences | authors |",
        "|---|---|---|---|---|---|",
    ]
    for package, clips in sorted(by_package.items()):
        licences = ", ".join(sorted({clip["licence"] for clip in clips}))
        names = sorted({clip["author"] for clip in clips if clip["author"]}, key=str.lower)
        authors = "; ".join(names).replace("|", "/") or "see the package's copyright file"
        minutes = sum(clip["seconds"] for clip in clips) / 60
        version = clips[0]["version"][:24]
        lines.append(
            f"| {package} | {version} | {len(clips)} | {minutes:.1f} | {licences} | {authors} |"
        )
    return "\n".join(lines) + "\n"
