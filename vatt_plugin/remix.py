"""What is baked into files for a re-cut: ducking and room tone as the old cut had them, and fades.

Both belong to the cut and not to a take. A ducked file dips where the dialogue was, a bed is as
long as its scene was; so neither can slide with the picture. What can be carried over is the
wish for them, which the old cut's metadata tell. Fades are new: where the re-cut goes through a
sound, it must not click.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vatt_plugin.fading import fade_cuts
from vatt_plugin.mixing import DUCK_DB, Ducking, duck_sounds, find_speech
from vatt_plugin.room_tone import room_tone
from vatt_plugin.timeline.errors import UnknownClip
from vatt_plugin.timeline.laid import dry_name, our_clips
from vatt_plugin.timeline.model import Note, Timeline
from vatt_plugin.timeline.tracks import Sound
from vatt_plugin.timeline.wavfacts import wav_facts
from vatt_plugin.timeline.writing import Profile


@dataclass(frozen=True)
class Mix:
    """The mix rules of a cut.

    Attributes:
        tracks: names of the dialogue tracks that Foley is held back under.
        gain_db: by how much.
        room_tone: a bed lies under its scenes.
    """

    tracks: tuple[str, ...] = ()
    gain_db: float = DUCK_DB
    room_tone: bool = False

    @classmethod
    def of(cls, cut: Timeline) -> Mix:
        """What the metadata of our clips, or the sidecar beside their files, say was done."""
        tracks: dict[str, None] = {}
        gain_db, tone = DUCK_DB, False
        for our in our_clips(cut):
            tone = tone or our.is_bed
            mix = our.facts.get("mix")
            ducked = mix.get("duck") if isinstance(mix, dict) else None
            if isinstance(ducked, dict):
                tracks |= dict.fromkeys(str(name) for name in ducked.get("tracks", ()))
                gain_db = float(ducked.get("gain_db", gain_db))
        return cls(tuple(tracks), gain_db, tone)


def profile_of(cut: Timeline) -> Profile:
    """The profile that our files in a cut were made with: whether any starts at a timecode."""
    return "post" if any(our.file_start_s for our in our_clips(cut)) else "nle"


@dataclass(frozen=True)
class Remixed:
    """Sounds with their mix rules applied.

    Attributes:
        sounds: what is laid, ducked where there is speech, and the beds after them.
        ducked: how many were held back; ``tracks`` under which tracks.
        faded: how many were cut through, and fade there.
        beds: how many beds of room tone there are.
        notes: what could not be done as before.
    """

    sounds: tuple[Sound, ...]
    ducked: int = 0
    tracks: tuple[str, ...] = ()
    beds: int = 0
    faded: int = 0
    notes: tuple[Note, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """JSON form, for the report."""
        return {
            "ducked": self.ducked,
            "duck_tracks": list(self.tracks),
            "beds": self.beds,
            "faded": self.faded,
        }


def remixed(
    mix: Mix, sounds: Sequence[Sound], cut: Timeline, folder: Path, *, record_time: bool = False
) -> Remixed:
    """Apply a mix to the sounds of a cut; their files are dry, and lie in ``folder``.

    Args:
        mix: the rules.
        sounds: what is laid on the cut.
        cut: the re-cut.
        folder: existing media folder, for the new files.
        record_time: stamp beds with record timecode (the ``post`` profile).

    Raises:
        CannotWrite: the folder takes no more.
    """
    notes: list[Note] = []
    found: list[Ducking] = []
    for name in mix.tracks:
        try:
            found.append(find_speech(cut, [name], mix.gain_db))
        except UnknownClip as error:
            text = f"{error.message} Nothing is held back under it; name the track with --duck."
            notes.append(Note("duck", text, name))
    ducking = Ducking.joined(found, mix.gain_db)
    dry = [sound for sound in sounds if not dry_name(sound.metadata)]
    wet = [sound for sound in sounds if dry_name(sound.metadata)]
    for sound in wet:
        text = "The file as it was made is not there; this one dips where it did in the old cut."
        notes.append(Note("ducked", text, sound.name))
    dry, wet = fade_cuts(dry, cut.fps), fade_cuts(wet, cut.fps)
    laid = [*(duck_sounds(dry, ducking, cut.fps) if found else dry), *wet]
    beds: list[Sound] = []
    if mix.room_tone:
        readable = [sound for sound in laid if wav_facts(sound.wav_path) is not None]
        beds = room_tone(cut, readable, folder, record_time=record_time)
        if not beds:
            text = "No two sounds follow each other here, so there is no scene for room tone."
            notes.append(Note("room_tone", text))
    return Remixed(
        (*laid, *beds),
        sum(_is_ducked(sound) for sound in laid),
        ducking.tracks,
        len(beds),
        sum("fade" in sound.metadata.get("mix", {}) for sound in laid),
        tuple(notes),
    )


def _is_ducked(sound: Sound) -> bool:
    duck = sound.metadata.get("mix", {}).get("duck")
    return isinstance(duck, dict) and bool(duck.get("spans_s"))
