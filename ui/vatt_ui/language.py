"""The panel's words in the user's language: gettext, with English in the source.

The language is the environment's (``LANGUAGE``, ``LC_ALL``, ``LC_MESSAGES``, ``LANG``), settled
when this module is first imported, so that tables of words made at import are in it too.
Catalogues lie in ``locale/<language>/LC_MESSAGES/vatt-panel.mo``; ``make messages`` writes their
template. ``en_XA`` is no language but a test: every word accented and two fifths longer, which
shows what is not translated and what has no room.
"""

from __future__ import annotations

import gettext as catalogues
import os
import re
from pathlib import Path

DOMAIN = "vatt-panel"
FOLDER = Path(__file__).parent / "locale"
PSEUDO = "en_XA"
LONGER = 1.4
_ACCENTS = str.maketrans("aeiouAEIOU", "áéíóúÁÉÍÓÚ")
_PLACEHOLDER = re.compile(r"(\{[^}]*\})")


class PseudoTranslations(catalogues.NullTranslations):
    """Every message as ``lengthened`` makes it."""

    def gettext(self, message: str) -> str:
        """One message."""
        return lengthened(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """Singular or plural, by English rules."""
        return lengthened(msgid1 if n == 1 else msgid2)


def lengthened(message: str) -> str:
    """Vowels accented and doubled until the text is two fifths longer; ``{names}`` stay."""
    parts = _PLACEHOLDER.split(message)
    n_words = sum(len(part) for part in parts[::2])
    missing = -(-round(n_words * (LONGER - 1) * 10) // 10)
    out = []
    for place, part in enumerate(parts):
        if place % 2:
            out.append(part)
            continue
        for letter in part:
            accented = letter.translate(_ACCENTS)
            out.append(accented)
            if accented != letter and missing > 0:
                out.append(accented.lower())
                missing -= 1
    return "".join(out) + "~" * (missing if n_words > 1 else 0)


def wanted_languages() -> list[str]:
    """What the environment asks for, best first."""
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return [language.partition(".")[0] for language in value.split(":")]
    return []


def find_translations() -> catalogues.NullTranslations:
    """The catalogue of the first language there is one for; English when there is none."""
    languages = wanted_languages()
    if languages[:1] == [PSEUDO]:
        return PseudoTranslations()
    return catalogues.translation(DOMAIN, FOLDER, languages or ["en"], fallback=True)


def is_translated() -> bool:
    """Whether the panel speaks another language than its source, so that Qt's words should too."""
    return isinstance(_translations, catalogues.GNUTranslations)


_translations = find_translations()
_ = _translations.gettext
ngettext = _translations.ngettext
