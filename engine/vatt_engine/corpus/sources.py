"""Where the corpus comes from: the project's manifest of Debian packages, and two folders.

The manifest (`debian_sounds.csv.gz`) lists every file worth taking, with package, version, path
inside it, licence, label and the first 12 digits of the SHA-1 of its bytes. The collected Foley
folder and ESC-10 are taken where they are present; they carry their own credit lists.
"""

from __future__ import annotations

import csv
import gzip
import re
from dataclasses import dataclass
from pathlib import Path

from vatt_engine.corpus.labels import debian_category, esc10_category, foley_category
from vatt_engine.corpus.licences import parse_licence

_MANIFEST = Path(__file__).with_name("debian_sounds.csv.gz")


@dataclass(frozen=True)
class Source:
    """One file to take.

    Attributes:
        package: what it is split by: a Debian package, a repository, or an ESC-10 fold.
        version: package version or commit.
        path: inside the package (``archive!/member`` for packed files), or below the folder.
        category: of the category table, or "" for sound without a category.
        label: the source's own words for it.
        licence: normalised name.
        author: as credited; empty where the package's copyright file tells.
        url: original address where one is credited.
        sha1: first digits of the SHA-1 of the file, or "" when the list has none.
    """

    package: str
    version: str
    path: str
    category: str
    label: str
    licence: str
    author: str = ""
    url: str = ""
    sha1: str = ""

    @property
    def outer(self) -> str:
        """Path of the file or of the archive that holds it."""
        return self.path.partition("!/")[0]

    @property
    def inner(self) -> str:
        """Path inside the archive; empty for a plain file."""
        return self.path.partition("!/")[2]


def debian_sources(path: Path = _MANIFEST) -> dict[str, list[Source]]:
    """Files of the Debian manifest, by package, both in a fixed order."""
    found: dict[str, list[Source]] = {}
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            licence = parse_licence(row["licence"])
            if licence is None:
                continue
            source = Source(
                package=row["package"],
                version=row["version"],
                path=row["path"],
                category=debian_category(row["label"], row["path"], row["kind"]),
                label=row["label"],
                licence=licence.name,
                sha1=row["sha1"],
            )
            found.setdefault(source.package, []).append(source)
    return found


def foley_sources(folder: Path) -> dict[str, list[Source]]:
    """Files of the collected Foley folder, by repository; empty when it has no manifest."""
    manifest = folder / "manifest.csv"
    found: dict[str, list[Source]] = {}
    if not manifest.is_file():
        return found
    with manifest.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            licence = parse_licence(row["licence"])
            if licence is None:
                continue
            package = "/".join(row["source_repository"].rstrip("/").split("/")[-2:])
            source = Source(
                package=package,
                version=row["commit"],
                path=row["file"],
                category=foley_category(row["category"]),
                label=row["caption"],
                licence=licence.name,
                author=row["author"],
                url=row["original_url"] or row["source_repository"],
            )
            found.setdefault(package, []).append(source)
    return found


_ESC10_CREDIT = re.compile(
    r"\*\*\[(?P<file>[\w-]+\.ogg)\].*?derived from \[.*?\]\((?P<url>http[^)]*)\)"
    r" by \*(?P<author>.+?)\*"
)


def esc10_sources(folder: Path) -> dict[str, list[Source]]:
    """Files of ESC-10, by published fold; empty when the folder is not there."""
    readme = folder / "README.md"
    found: dict[str, list[Source]] = {}
    if not readme.is_file():
        return found
    credits = {m["file"]: m for m in _ESC10_CREDIT.finditer(readme.read_text(encoding="utf-8"))}
    for path in sorted(folder.glob("*/*.ogg")):
        credit = credits.get(path.name)
        source = Source(
            package=f"ESC-10/{path.name[0]}",
            version="ESC-10",
            path=f"{path.parent.name}/{path.name}",
            category=esc10_category(path.parent.name),
            label=path.parent.name[6:].lower(),
            licence="CC-BY-3.0",
            author=credit["author"] if credit else "",
            url=credit["url"] if credit else "",
        )
        found.setdefault(source.package, []).append(source)
    return found
