"""The engine listens to its own takes: which are faulty, and how well do the others fit?

A take is faulty when it clips, is silent where the picture hits, is hiss, speech or music that
nobody asked for, sounds like what must not be heard, or is restless where there is nothing to hear.
Faulty ones are made anew a few times (``take_writer``); what stays faulty is delivered and says so.
The others, drafts of one take among them, are ranked by how well they meet the lane and by how
likely their kind of sound is the one that was asked for. What was asked for is read from the words:
the prompt's, or else the caption's; what must not be heard from those of the negative prompt.

All figures are plain numbers and depend on the take, the words and the lane alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import soundfile

from vatt_engine.corpus.sound_families import FAMILIES, family_of
from vatt_engine.evaluation.family_judge import FamilyJudge
from vatt_engine.evaluation.health import check_health
from vatt_engine.evaluation.hearing import hear
from vatt_engine.evaluation.wording import categories_of, stems
from vatt_engine.evaluation.yamnet import Yamnet
from vatt_engine.lane_words import NameOf, read
from vatt_engine.messages import SyncLane
from vatt_engine.take_figures import TakeFigures, between_handles

MAX_REDOS = 2
"""How often a faulty take is made anew; more would cost time and rarely help."""

FAULTS = ("clipped", "silent", "noise", "speech", "music", "restless", "unwanted")

_LISTEN_S = 60  # the first minute tells what kind of sound it is; an hour would take long
_RESTLESS_HZ = 0.2  # onsets a second that a shot with nothing to hear may have
_LATE_S = 0.1  # a lag beyond which nothing is left of the part for timing
_NOTHING = frozenset(stems("silence silent nothing"))
_VOICES = frozenset(
    stems("speech speak talk voice sing singing song shout scream cry dialogue conversation words")
)
_TONES = frozenset(
    stems("music song melody guitar piano violin drum drums flute trumpet organ tune whistle sing")
)


@dataclass(frozen=True)
class Wish:
    """What a take should sound like, as far as words and lane tell.

    Attributes:
        families: sound families the words name; empty when they name none that is known.
        nothing: nothing hits, and the words name nothing, silence or room tone.
        voices: speech would be no fault; ``tones`` the same for music, ``noise`` for hiss.
        must_sound: silence would be a fault: the picture hits.
        unwanted: sound families the negative prompt names, and the prompt does not.
    """

    families: tuple[str, ...]
    nothing: bool
    voices: bool
    tones: bool
    noise: bool
    must_sound: bool
    unwanted: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str, lane: SyncLane, name_of: NameOf, negative: str = "") -> Self:
        """Read the words of a prompt or a caption, and those of a negative prompt.

        Args:
            text: the prompt, or the caption that stands for it.
            lane: what the take should follow.
            name_of: tells the category of sound that words mean.
            negative: what must not be heard.
        """
        # A negative prompt's own negations mean nothing: "no rain" there is rain.
        bare = re.sub(r"\b(no|not|without|never)\b", " ", negative.lower())
        words, banned = set(stems(text)), set(stems(bare))
        still = not lane.hits
        families = _families(text, name_of)
        named = categories_of(text, 1)
        hush = bool(named) and named[0][0] == "room_tone"
        rows = [FAMILIES[name] for name in families]
        return cls(
            families=families,
            nothing=still and (not words or hush or (bool(words & _NOTHING) and not families)),
            voices=(any(row.voiced for row in rows) or bool(words & _VOICES))
            and not banned & _VOICES,
            tones=(any(row.tonal for row in rows) or bool(words & _TONES)) and not banned & _TONES,
            # Words nobody here knows may well mean a hiss; where something hits they do not.
            noise=any(row.noisy for row in rows) or (still and not rows),
            must_sound=not still,
            unwanted=tuple(name for name in _families(bare, name_of) if name not in families),
        )


@dataclass(frozen=True)
class Verdict:
    """What was found about a take.

    Attributes:
        faults: of ``FAULTS``.
        closeness: how likely the judge finds the families that were asked for, 0..1; None when the
            words name none.
        score: 0..1, to rank takes of one cue that have equally many faults.
        nothing: there was nothing to hear; silence and room tone are right.
        unwanted: how likely the judge finds the families that must not be heard, 0..1; None when
            the negative prompt names none.
    """

    faults: tuple[str, ...]
    closeness: float | None
    score: float
    nothing: bool = False
    unwanted: float | None = None

    @property
    def rank(self) -> tuple[int, float]:
        """Sorts the best take first."""
        return len(self.faults), -self.score

    @property
    def figures(self) -> Mapping[str, float]:
        """For the take's metadata."""
        told = {"score": self.score, "faults": float(len(self.faults))}
        told |= {f"fault_{name}": 1.0 for name in self.faults}
        if self.nothing:
            told["nothing_to_hear"] = 1.0
        likely = {"closeness": self.closeness, "unwanted": self.unwanted}
        return told | {name: value for name, value in likely.items() if value is not None}


class SelfCheck:
    """YAMNet and the judge of sound families, loaded once, on the CPU."""

    def __init__(self) -> None:
        self._yamnet = Yamnet.load()
        self._families = FamilyJudge.load()

    def verdict(
        self,
        wav_path: Path,
        measured: TakeFigures,
        wish: Wish,
        check: Callable[[], None],
        handle_s: float = 0.0,
    ) -> Verdict:
        """Listen to the first minute of what is seen of a take.

        Args:
            wav_path: of the take, mono.
            measured: what ``take_figures`` found.
            wish: what it should be.
            check: called now and then; raises to stop.
            handle_s: seconds at either end that lie outside of the shot; not listened to.
        """
        with soundfile.SoundFile(wav_path) as file:
            rate = file.samplerate
            begin, end = between_handles(file.frames, rate, handle_s)
            file.seek(begin)
            wave = file.read(min(_LISTEN_S * rate, end - begin), dtype="float32")
            duration_s = (end - begin) / rate
        check()
        heard = hear(self._yamnet, wave, rate)
        check()
        health = check_health(
            wave,
            heard.mean_scores,
            self._yamnet.classes,
            expects_noise=wish.noise or wish.nothing,
            expects_speech=wish.voices,
            expects_music=wish.tones,
        )
        closeness, unwanted, first = None, None, ""
        if health.silent:
            closeness = 0.0 if wish.families else None
            unwanted = 0.0 if wish.unwanted else None
        elif wish.families or wish.unwanted:
            likely = dict(
                zip(self._families.names, self._families.probabilities(heard), strict=True)
            )
            closeness, unwanted = _share(likely, wish.families), _share(likely, wish.unwanted)
            first = max(likely, key=lambda name: likely[name])
        found = {
            "clipped": health.clipped or measured.numbers["clipped"] > 0,
            "silent": health.silent and wish.must_sound and duration_s <= _LISTEN_S,
            "noise": health.noise,
            "speech": health.speech,
            "music": health.music,
            "restless": wish.nothing and measured.numbers["n_onsets"] > _RESTLESS_HZ * duration_s,
            "unwanted": first in wish.unwanted,
        }
        faults = tuple(name for name in FAULTS if found[name])
        score = _score(measured, closeness, unwanted, wish)
        return Verdict(faults, closeness, score, wish.nothing, unwanted)


def _families(text: str, name_of: NameOf) -> tuple[str, ...]:
    """Sound families that the parts of a text name, each once, in their order."""
    families = (family_of(part.category) for part in read(text, name_of))
    return tuple(dict.fromkeys(family for family in families if family))


def _share(likely: Mapping[str, float], families: Sequence[str]) -> float | None:
    """Probability of any of some families; None of none."""
    if not families:
        return None
    return round(float(np.clip(sum(likely[name] for name in families), 0, 1)), 4)


def _score(
    measured: TakeFigures, closeness: float | None, unwanted: float | None, wish: Wish
) -> float:
    """Mean of what is known: timing, closeness, and how far it is from what must not be heard."""
    if wish.nothing:
        return round(1 / (1 + measured.numbers["n_onsets"]), 4)
    parts = []
    if measured.sync is not None:
        lag = _LATE_S if measured.lag_s is None else abs(measured.lag_s)
        parts.append(0.75 * measured.sync + 0.25 * max(0.0, 1 - lag / _LATE_S))
    if closeness is not None:
        parts.append(closeness)
    if unwanted is not None:
        parts.append(1 - unwanted)
    return round(sum(parts) / len(parts), 4) if parts else 0.5


def attempt_seed(seed: int, attempt: int) -> int:
    """The seed of the ``attempt``-th further attempt (from 1) at a take with ``seed``: their hash.

    Neighbouring takes have neighbouring seeds, so counting on would make another attempt at one
    take the same as the next take.
    """
    digest = hashlib.sha256(f"{seed} {attempt}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % (1 << 62)
