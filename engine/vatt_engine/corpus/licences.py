"""Which licences the corpus accepts, what each asks for, and how credits are written.

The bundled weights are released under CC-BY-SA-4.0, so everything they learn from must allow
that: public domain, CC0, CC-BY, CC-BY-SA, MIT and BSD. Anything else (GPL, MPL, Free Art, mixed
or unstated terms, every non-commercial licence) is left out, even where a tier would let it in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_DEED = "https://creativecommons.org/"


@dataclass(frozen=True)
class Licence:
    """A licence as the credit list names it.

    Attributes:
        name: normalised name, in the style of SPDX.
        group: one of ``public domain``, ``attribution``, ``share alike``, ``permissive``.
        url: where its text is; empty where the package itself carries the text.
    """

    name: str
    group: str
    url: str


def parse_licence(text: str) -> Licence | None:
    """The licence a source states, or None when the corpus does not take it."""
    stated = text.strip()
    if re.fullmatch(r"CC0(-1\.0)?", stated):
        return Licence("CC0-1.0", "public domain", f"{_DEED}publicdomain/zero/1.0/")
    if re.fullmatch(r"[Pp]ublic[- ]domain", stated):
        return Licence("Public domain", "public domain", "")
    if stated in ("MIT", "Expat"):
        return Licence("MIT", "permissive", "")
    if stated == "BSD-3-Clause":
        return Licence("BSD-3-Clause", "permissive", "")
    if stated.startswith("CC-BY (version"):
        return Licence("CC-BY (version not stated)", "attribution", f"{_DEED}licenses/")
    if stated == "CC-BY-3.0 and CC0-1.0":
        return Licence("CC-BY-3.0", "attribution", f"{_DEED}licenses/by/3.0/")
    choices = [part.strip() for part in stated.split(" or ")]
    if len(choices) > 1:
        found = [licence for part in choices if (licence := parse_licence(part))]
        # The user of a work under several licences picks; the freest comes first.
        order = ("public domain", "permissive", "attribution", "share alike")
        return min(found, key=lambda licence: order.index(licence.group), default=None)
    match = re.fullmatch(r"CC-BY(-SA)?-(\d)(\.\d)?(\+|-us|-AU)?", stated)
    if match is None:
        return None
    share, major, minor, _ = match.groups()
    version = f"{major}{minor or '.0'}"
    path = "by-sa" if share else "by"
    group = "share alike" if share else "attribution"
    return Licence(f"CC-BY{share or ''}-{version}", group, f"{_DEED}licenses/{path}/{version}/")
