"""The credit list that goes with anything made from the corpus."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from pathlib import Path
from typing import Any

from vatt_engine.corpus.collect import write_atomic
from vatt_engine.corpus.licences import parse_licence

_COLUMNS = ("package", "version", "path", "author", "url", "licence", "licence_url", "changes")
_CHANGES = "mixed to mono, resampled to 24 kHz, silence trimmed, level changed"


def write_credits(out: Path, rows: list[dict[str, Any]]) -> None:
    """Write ATTRIBUTION.csv (every clip) and ATTRIBUTION.md (every package) into ``out``."""
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


def markdown(rows: list[dict[str, Any]]) -> str:
    """The credits in brief: one line per package, its authors where they are named."""
    by_package: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_package[row["package"]].append(row)
    lines = [
        "# Credits",
        "",
        "Recordings by these people and projects were used. Every clip was " + _CHANGES + ".",
        "ATTRIBUTION.csv names each file. Debian packages carry the full list of authors in",
        "`/usr/share/doc/PACKAGE/copyright`.",
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
