"""Names for files and clips that every host, mixer and file system can take."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container

from vatt_plugin.cues import Cue

MAX_NAME = 120
DEFAULT_CATEGORY = "FOLYMisc"
"""UCS category of a sound whose kind nobody named."""
CREATOR = "VATT"
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?$")
_CATEGORY = re.compile(r"(?=.{2,12}$)[A-Z]{2,8}[A-Za-z]*")


def plain(text: str, limit: int = MAX_NAME, keep: str = " ._-") -> str:
    """Text reduced to letters and digits of ASCII and ``keep``; never empty, never reserved.

    >>> plain("../../Tür 3 <img>")
    'Tur 3 img'
    """
    flat = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    allowed = re.sub(rf"[^A-Za-z0-9{re.escape(keep)}]+", " ", flat)
    allowed = re.sub(r"\.\.+", ".", re.sub(r" {2,}", " ", allowed))
    short = allowed.strip(" .-_")[:limit].rstrip(" .-_")
    if _RESERVED.match(short):
        short = f"x {short}"
    return short or "clip"


def is_category(text: str) -> bool:
    """Whether a word can be a UCS category id, such as ``FEETHmn``."""
    return _CATEGORY.fullmatch(text) is not None


def take_name(cue: Cue, take_id: str, prompt: str = "", show: str = "", number: int = 1) -> str:
    """File name of a take after the Universal Category System, unique by its take id.

    ``CatID_FXName_CreatorID_SourceID_UserData``; underscores stand only between the blocks, and
    the user data end in ``vatt-<take id>``, by which the take is found again.

    Args:
        cue: the take's cue; a ``category`` in its origin becomes the CatID.
        take_id: of the take.
        prompt: what it sounds like; the clip's name where nothing is known.
        show: name of the production or timeline.
        number: count of the take among its cue's.
    """
    category = str(cue.origin.get("category", ""))
    blocks = [
        category if is_category(category) else DEFAULT_CATEGORY,
        plain(prompt or cue.clip, 28, " -"),
        CREATOR,
        plain(show or "SHOW", 16, " -"),
        f"{plain(cue.clip, 14, ' -')} f{cue.start_frame}t{number} vatt-{take_id}",
    ]
    return "_".join(blocks) + ".wav"


def unique_name(name: str, taken: Container[str]) -> str:
    """``name``, numbered before its ending if it is taken (compared without case)."""
    stem, dot, ending = name.rpartition(".")
    stem = stem if dot else name
    result, n = name, 2
    while result.casefold() in taken:
        result = f"{stem}-{n}{dot}{ending if dot else ''}"
        n += 1
    return result
