"""Laying another take where one lies: the same place and in point, the same mix, all else as it is.

What was baked into the file that was played, ducking and fades, is baked into a copy of the new
one. Every other sound of ours is carried over as it lies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vatt_plugin.cues import Take
from vatt_plugin.mixing import DUCK_DB
from vatt_plugin.remix import Mix, remixed
from vatt_plugin.timeline.earlier import Earlier
from vatt_plugin.timeline.errors import TimelineNotWritten
from vatt_plugin.timeline.facts import with_take
from vatt_plugin.timeline.laid import OurClip
from vatt_plugin.timeline.model import Note, Timeline
from vatt_plugin.timeline.naming import plain
from vatt_plugin.timeline.rates import nearest_frame
from vatt_plugin.timeline.tracks import Sound
from vatt_plugin.timeline.wavfacts import WavFacts, wav_facts


def relaid(
    cut: Timeline, clips: Sequence[OurClip], take: Take, folder: Path
) -> tuple[list[Sound], list[Note]]:
    """All our sounds of a cut, with a take in place of the one that some clips play.

    Args:
        cut: a timeline that vatt wrote.
        clips: those that shall play the take.
        take: its file in ``folder``.
        folder: existing, for files with the mix baked in.

    Raises:
        TimelineNotWritten: the file cannot be read.
        CannotWrite: the folder takes no more.
    """
    path = Path(take.wav_path)
    header = wav_facts(path)
    if header is None:
        raise TimelineNotWritten(f"{path.name} is missing or no WAV.", "Make the take again.")
    sounds: list[Sound] = []
    notes: list[Note] = []
    for our in clips:
        mix = our.facts.get("mix")
        mix = mix if isinstance(mix, Mapping) else {}
        laid = remixed(_ducking(mix), [_sound(cut, our, take, header, mix)], cut, folder)
        sounds += laid.sounds
        notes += laid.notes
    replaced = {(our.start, our.clip.name) for our in clips}
    carried = Earlier.of(cut).sounds
    return [*sounds, *(s for s in carried if (s.start_frame, s.name) not in replaced)], notes


def _sound(
    cut: Timeline, our: OurClip, take: Take, header: WavFacts, mix: Mapping[str, Any]
) -> Sound:
    """The take as it lies in place of a clip, without the clip's mix."""
    handles = our.facts.get("handle_frames")
    more = take.recipe.handle_frames - handles if isinstance(handles, int) else 0
    in_frame = max(0, nearest_frame((our.in_s or 0) * cut.fps) + more)
    file_frames = int(header.n_samples * cut.fps / header.sample_rate)
    fade = mix.get("fade")
    faded = fade if isinstance(fade, Mapping) else {}
    clip = str(our.facts.get("source_clip") or our.clip.name)
    return Sound(
        start_frame=our.start,
        n_frames=min(our.length, file_frames - in_frame),
        in_frame=in_frame,
        file_frames=file_frames,
        file_start=round((header.time_reference or 0) * cut.fps / header.sample_rate),
        wav_path=Path(take.wav_path),
        name=f"{plain(clip, 60)} vatt-{take.take_id}",
        channels=header.channels,
        metadata=with_take(our.facts, take, header.n_samples),
        stem=str(our.facts.get("stem", "")),
        fade_in=faded.get("in_s") is not None,
        fade_out=faded.get("out_s") is not None,
    )


def _ducking(mix: Mapping[str, Any]) -> Mix:
    """The dialogue tracks that the clip was held back under."""
    duck = mix.get("duck")
    if not isinstance(duck, Mapping):
        return Mix()
    gain_db = duck.get("gain_db")
    tracks = tuple(str(name) for name in duck.get("tracks", ()))
    return Mix(tracks, gain_db if isinstance(gain_db, int | float) else DUCK_DB)
