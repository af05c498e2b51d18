"""What words say of time: which sounds they name, how often, how fast and how loud each comes.

Deliberately simple and open, a list of words anyone can look up; what a word means for sound (is
"a puppy yapping" a dog?) is asked of whoever knows, ``worded_lane`` makes moments of the answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from vatt_engine.corpus.categories import CATEGORIES

Kind = Literal["oneshot", "rhythm", "continuous", "unknown"]
NameOf = Callable[[str], str]
"""From words to the category they mean most nearly; empty for none."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CALLS = _words(
    "dog bird poultry breath laugh fireworks keys_jingle chain_rattle coins dishes game_pieces"
    " cards armour"
)
"""Categories of single events that rarely come alone."""

_PARTS = re.compile(r"[,;.]|\band\b|\bwhile\b|\bthen\b|\bfollowed by\b")
_ABSENT = re.compile(r"^(no|not|without|never)\b")
_PLACE = re.compile(r"^(in|on|at|by|near|from|inside|outside|under|over|through|against|behind)\b")
_SILENCE = _words("silence silent nothing mute muted soundless noiseless")
_SMALL_WORDS = _words("a an the of in on at to is are some very it its sound sounds")

_COUNT_WORDS = "single two three four five six seven eight nine ten eleven twelve"
_NUMBERS = {word: n for n, word in enumerate(_COUNT_WORDS.split(), 1)} | {"one": 1, "both": 2}
_TIMES = {"once": 1, "twice": 2, "thrice": 3}
_FEW = (("couple of", 2), ("pair of", 2), ("a few", 3), ("several", 4), ("series of", 5))
_AGAIN = re.compile(
    r"\b(again and again|over and over|repeatedly|repeated|many|constant(ly)?|continuous(ly)?)\b"
)
_NUMBER = rf"\d{{1,2}}|{'|'.join(_NUMBERS)}"
_UNIT = (
    "(?:time|step|footstep|knock|blow|hit|stroke|tick|drop|drip|beat|heartbeat|bounce|bite|shot"
    "|gunshot|bark|neigh|click|clap|bang|thud|punch|cough|splash|chop|snip|tap|strike|gust|peal)"
)
_COUNTED = re.compile(rf"\b({_NUMBER})\s+(?:[a-z]+\s+)?{_UNIT}(?:s|es)?\b")
_FIRST_NUMBER = re.compile(rf"^({_NUMBER})\s")
_SOLE = re.compile(rf"\ban?\s+(?:single\s+)?{_UNIT}\b|\ba single\b")
_ONE_IN_PLURAL = _words("tyre_skid door_creak debris")  # "tyres squeal" is one squeal

_PACES = {  # factor on the time between two events: words
    1.6: "slow slowly slower unhurried leisurely creeping sneaking tiptoeing strolling lazily",
    0.6: "fast faster quick quickly rapid rapidly hurried hurriedly brisk briskly frantic"
    " frantically furiously succession",
}
_RUNNING = _words("running runs run jogging sprinting sprints galloping gallop racing")
_RUN_PACE, _LEAST_PACE = 0.55, 0.45
_LOUD = _words("loud loudly forceful heavy heavily hard violent violently slams")
_SOFT = _words("soft softly quiet quietly gentle gently faint faintly light lightly")
_QUALITIES = (
    {*_NUMBERS, *_TIMES, *_LOUD, *_SOFT, *" ".join(_PACES.values()).split()}
    | _words("times time again many back forth close by up near far away distant distance pace")
    | _words("only small large big tiny huge more microphone")
)


@dataclass(frozen=True)
class Part:
    """One sound that words name.

    Attributes:
        category: its name; empty where the words name nothing known.
        kind: how it fills time.
        count: how often it sounds; 0 where the words do not say.
        again: it sounds again and again.
        pace: factor on the time between two events.
        strength: 0..1, of its events or of what lasts.
    """

    category: str
    kind: Kind
    count: int = 0
    again: bool = False
    pace: float = 1.0
    strength: float = 0.9


def read(words: str, name_of: NameOf) -> tuple[Part, ...]:
    """The sounds that words name, in their order; () for silence, room tone and no words at all.

    Args:
        words: a prompt or a caption.
        name_of: tells the category of a part of them.
    """
    said: list[tuple[str, str]] = []  # a category and all that is said of it
    for text in map(str.strip, _PARTS.split(words.lower())):
        content = [w for w in re.findall(r"[^\W_]+", text) if w not in _SMALL_WORDS]
        if not content or _ABSENT.match(text) or set(content) <= _SILENCE | {"total", "complete"}:
            continue
        quality = all(w in _QUALITIES or w.isdigit() for w in content)
        quality = quality or bool(_COUNTED.fullmatch(text) or _PLACE.match(text))
        name = "" if said and quality else name_of(text)
        same = [i for i, (other, _) in enumerate(said) if other == name]
        if said and (quality or same):
            i = same[0] if same and not quality else -1
            said[i] = (said[i][0], f"{said[i][1]} {text}")
        else:
            said.append((name, text))
    heard = [(name, text) for name, text in said if name != "room_tone"]
    # What is unknown is a guess; beside something known it would only be noise.
    known = [(name, text) for name, text in heard if name]
    return tuple(_part(name, text) for name, text in known or heard[:1])


def _part(name: str, text: str) -> Part:
    kind: Kind = CATEGORIES[name].kind if name in CATEGORIES else "unknown"
    words = set(re.findall(r"[a-z]+", text))
    pace = next((factor for factor, said in _PACES.items() if words & set(said.split())), 1.0)
    on_foot = name in CATEGORIES and CATEGORIES[name].family == "footsteps"
    if on_foot and words & _RUNNING:
        pace = max(_LEAST_PACE, pace * _RUN_PACE)
    strength = 1.0 if words & _LOUD else 0.6 if words & _SOFT else 0.9
    return Part(name, kind, _count(name, text, kind), bool(_AGAIN.search(text)), pace, strength)


def _count(name: str, text: str, kind: Kind) -> int:
    """How many events words tell of; 0 where they do not say."""
    if kind == "continuous" or _AGAIN.search(text):
        return 0
    for word, n in _TIMES.items():
        if re.search(rf"(?<!\bat )\b{word}\b(?! more| upon)", text):
            return n
    found = _COUNTED.search(text)
    if found is None and kind == "oneshot":
        found = _FIRST_NUMBER.match(text)  # "two dogs barking", but not "three people walking"
    if found is not None:
        told = found.group(1)
        return max(1, int(told)) if told.isdigit() else _NUMBERS[told]
    few = next((n for said, n in _FEW if said in text), 0)
    if few:
        return few
    if _SOLE.search(text):
        return 1
    several = kind == "oneshot" and name not in CALLS | _ONE_IN_PLURAL and _is_plural(text)
    return 3 if several else 0


def _is_plural(text: str) -> bool:
    """Whether words begin with several of something: "distant gunshots", "doors slamming"."""
    words = [w for w in text.split() if w not in _QUALITIES and w not in ("the", "some")]
    return bool(words) and bool(re.search(r"[^siu]s$", words[0]))
