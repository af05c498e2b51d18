"""Short fades where a re-cut goes through a sound, so that the cut does not click.

A take ends in fades of its own; one that is trimmed begins or ends in the midst of its sound.
The fades are written into a copy beside the take, whose file stays as it is and is named in the
metadata (``mix``), so that the next conform starts from it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vatt_plugin import bwf
from vatt_plugin.mixing import mixed_name
from vatt_plugin.shaping import changes, write_shaped
from vatt_plugin.takes import FADE_S
from vatt_plugin.timeline.tracks import Sound
from vatt_plugin.timeline.wavfacts import wav_facts

_N_FADE = round(FADE_S * bwf.SAMPLE_RATE)


def fade_cuts(sounds: Iterable[Sound], fps: Fraction) -> list[Sound]:
    """Sounds with a fade at each edge that asks for one (``Sound.fade_in`` and ``fade_out``).

    Past a cut the sound fades in again, so its handles stay there. Where it is silent at the cuts
    already, or its file is no 48 kHz WAV, the sound plays the file it played.

    Args:
        sounds: on a timeline of ``fps``; the faded copies are written beside their files.
        fps: exact rate of the timeline.

    Raises:
        CannotWrite: the folder takes no more.
    """
    return [_faded(sound, fps) if sound.fade_in or sound.fade_out else sound for sound in sounds]


def _faded(sound: Sound, fps: Fraction) -> Sound:
    whole, header = sound.wav_path, wav_facts(sound.wav_path)
    if header is None or header.sample_rate != bwf.SAMPLE_RATE:
        return sound
    first, end = (
        round(frame * bwf.SAMPLE_RATE / fps)
        for frame in (sound.in_frame, sound.in_frame + sound.n_frames)
    )
    cuts = first if sound.fade_in else None, end if sound.fade_out else None
    gain = functools.partial(_gain, n_samples=header.n_samples, first=cuts[0], end=cuts[1])
    if not changes(whole, gain):
        return sound
    in_s, out_s = (None if cut is None else round(cut / bwf.SAMPLE_RATE, 6) for cut in cuts)
    facts: dict[str, Any] = {"in_s": in_s, "out_s": out_s, "length_s": FADE_S}
    take = str(sound.metadata.get("take", ""))
    scene = str(sound.metadata.get("source_clip") or sound.name)
    target = whole.with_name(mixed_name(whole, take, "cut", facts))
    write_shaped(whole, target, gain, take=take, scene=scene, what="faded at the cut", fps=fps)
    mix = {"dry": whole.name, **sound.metadata.get("mix", {}), "fade": facts}
    return replace(sound, wav_path=target, metadata={**sound.metadata, "mix": mix})


def _gain(
    index: NDArray[np.int64], *, n_samples: int, first: int | None, end: int | None
) -> NDArray[np.float64]:
    """Gain a sample: raised cosines down to 0 at the first sample heard and at the last one.

    Args:
        index: numbers of the samples [n].
        n_samples: of the file.
        first: the first sample heard, where the sound is cut there.
        end: the sample after the last one heard, where it is cut there.

    Returns:
        [n], 1 but near the cuts.
    """
    gain = np.ones(len(index))
    heard = (n_samples if end is None else end) - (first or 0)
    n_fade = max(1, min(_N_FADE, heard // 2))
    for cut in (first, None if end is None else end - 1):
        if cut is not None:
            distance = np.abs(index - cut)
            gain *= 0.5 - 0.5 * np.cos(np.pi * np.clip(distance / n_fade, 0.0, 1.0))
    return gain
