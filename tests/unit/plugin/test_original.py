"""The cut's own sound beside the Foley: the right stretch of the right file, where it is heard."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import av
import numpy as np
import opentimelineio as otio
import pytest
import soundfile
from numpy.typing import NDArray

from tests.helpers.movies import write_numbered
from tests.helpers.timelines import (
    AUDIO,
    VIDEO,
    clip,
    gap,
    placements,
    save,
    time_range,
    timeline,
    track,
)
from vatt_plugin.original import CEILING, KNEE, Original, Playback, bent, find_original
from vatt_plugin.preview import write_preview
from vatt_plugin.timeline import Placement, Timeline, load, write

RATE = 48_000
SHOT = track(clip("shot", 0, 96))


def tone(seconds: float, hertz: float, amplitude: float = 0.2, rate: int = RATE) -> Any:
    return amplitude * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def loudness(sound: NDArray[Any], at_s: float, hertz: float, length_s: float = 0.2) -> float:
    """Amplitude of a tone in the middle of some moments of a sound [n, 2]."""
    part = sound[round(at_s * RATE) : round((at_s + length_s) * RATE)].mean(axis=1)
    turn = np.exp(-2j * np.pi * hertz * np.arange(len(part)) / RATE)
    return float(2 * np.abs(np.mean(part * turn)))


def hear(original: Original, seconds: float, block: int = 1024) -> NDArray[np.float32]:
    n = round(seconds * RATE)
    with Playback(original) as playback:
        blocks = [playback.samples(at, min(at + block, n)) for at in range(0, n, block)]
    return np.concatenate(blocks)


def cut_with(folder: Path, *sounds: Any, name: str = "A1", picture: Any = None) -> Timeline:
    shots = picture or track(clip("shot", 0, 96))
    return load(save(timeline(shots, track(*sounds, name=name, kind=AUDIO)), folder))


def codes(original: Original) -> list[str]:
    return [note.code for note in original.notes]


def put_clicks(path: Path, seconds: int, rate: int = RATE) -> None:
    """A file whose sample at every second is as loud as the second's number."""
    samples = np.zeros(seconds * rate)
    samples[::rate] = np.arange(seconds) / 100
    soundfile.write(path, samples, rate, subtype="FLOAT")


def test_a_clip_is_heard_where_it_lies_and_from_where_it_is_trimmed(tmp_path: Path) -> None:
    put_clicks(tmp_path / "line.wav", 9)
    cut = cut_with(tmp_path, gap(12), clip("line", 24 * 5, 60, url="line.wav"), gap(24))
    sound = hear(find_original(cut), 4.0, block=1000)
    assert np.array_equal(sound[:, 0], sound[:, 1])
    (at,) = [np.flatnonzero(sound[:, 0])]
    assert at.tolist() == [24_000, 72_000, 120_000]
    assert sound[at, 0] == pytest.approx([0.05, 0.06, 0.07])


def test_media_time_counts_from_the_timecode_of_the_reference(tmp_path: Path) -> None:
    put_clicks(tmp_path / "line.wav", 9)
    line = clip("line", 86_400 + 24 * 3, 24, url="line.wav", available=(86_400, 216))
    sound = hear(find_original(cut_with(tmp_path, line)), 2.0)
    assert np.flatnonzero(sound[:, 0]).tolist() == [0]
    assert sound[0, 0] == pytest.approx(0.03)


@pytest.mark.parametrize("rate", [44_100, 96_000])
def test_files_at_other_rates_keep_time_and_level(tmp_path: Path, rate: int) -> None:
    late = np.concatenate([np.zeros(rate), tone(1, 440, 0.5, rate)])
    soundfile.write(tmp_path / "line.wav", np.stack([late, 0 * late], 1), rate)
    sound = hear(find_original(cut_with(tmp_path, clip("line", 12, 36, url="line.wav"))), 1.5)
    first = np.flatnonzero(np.abs(sound[:, 0]) > 0.05)[0]
    assert first == pytest.approx(24_000, abs=60)
    assert np.abs(sound[48_000:, 0]).max() == pytest.approx(0.5, abs=0.01)
    assert np.abs(sound[:, 1]).max() < 0.001


def test_tracks_add_up_and_the_gain_is_applied(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "low.wav", tone(4, 300), RATE)
    soundfile.write(tmp_path / "high.wav", tone(4, 1500), RATE)
    tracks = [
        track(clip("low", 0, 48, url="low.wav"), name="Dialog", kind=AUDIO),
        track(gap(24), clip("high", 0, 48, url="high.wav"), name="Atmos", kind=AUDIO),
    ]
    cut = load(save(timeline(SHOT.clone(), *tracks), tmp_path))
    sound = hear(find_original(cut, -6.0), 4.0)
    half = 0.2 * 10 ** (-6 / 20)
    heard = [(loudness(sound, at, 300), loudness(sound, at, 1500)) for at in (0.5, 1.5, 2.5, 3.5)]
    assert heard == [pytest.approx(pair, abs=0.002) for pair in
                     [(half, 0), (half, half), (0, half), (0, 0)]]  # fmt: skip


def test_what_is_switched_off_is_not_heard_nor_our_own_tracks(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "line.wav", tone(4, 300), RATE)
    line = clip("line", 0, 24, url="line.wav")
    off = clip("off", 0, 24, url="line.wav", enabled=False)
    muted = track(clip("m", 0, 96, url="line.wav"), name="A2", kind=AUDIO)
    muted.enabled = False
    made = timeline(SHOT.clone(), track(off, line, name="A1", kind=AUDIO), muted)
    cut = load(save(made, tmp_path))
    placed = placements(cut.cues, tmp_path / "f")
    soundfile.write(placed[0].wav_path, tone(4, 900), RATE)
    write(cut, placed, tmp_path / "o.otio")
    sound = hear(find_original(load(tmp_path / "o.otio")), 4.0)
    assert loudness(sound, 0.4, 300) == 0
    assert loudness(sound, 1.4, 300) == pytest.approx(0.2, abs=0.002)
    assert np.abs(sound[2 * RATE :]).max() == 0
    assert loudness(sound, 1.4, 900) < 0.001


def test_all_tracks_off_is_told(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "line.wav", tone(4, 300), RATE)
    original = find_original(cut_with(tmp_path, clip("l", 0, 24, url="line.wav", enabled=False)))
    assert codes(original) == ["original_silent"]
    assert not np.any(hear(original, 1.0))


def test_the_channels_of_a_recording_on_two_tracks_are_heard_once(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "line.wav", tone(4, 300), RATE)
    tracks = [track(clip("line", 0, 48, url="line.wav"), name=n, kind=AUDIO) for n in ("A1", "A2")]
    cut = load(save(timeline(SHOT.clone(), *tracks), tmp_path))
    sound = hear(find_original(cut), 1.0)
    assert loudness(sound, 0.4, 300) == pytest.approx(0.2, abs=0.002)


def test_nests_are_heard_with_all_their_audio_tracks_and_trims(tmp_path: Path) -> None:
    put_clicks(tmp_path / "line.wav", 9)
    soundfile.write(tmp_path / "atmos.wav", tone(9, 700), RATE)
    nest = otio.schema.Stack("scene", source_range=time_range(12, 24))
    nest.append(track(clip("picture", 0, 96, url="film.mov"), kind=VIDEO))
    nest.append(track(clip("line", 24, 96, url="line.wav"), kind=AUDIO))
    nest.append(track(gap(24), clip("atmos", 0, 72, url="atmos.wav"), kind=AUDIO))
    original = find_original(cut_with(tmp_path, gap(24), nest, gap(48)))
    assert original.notes == ()
    sound = hear(original, 4.0)
    assert loudness(sound, 1.2, 700) < 0.001
    assert loudness(sound, 1.6, 700) == pytest.approx(0.2, abs=0.002)
    assert not np.any(sound[: RATE + 24_000 - 1])
    assert not np.any(sound[2 * RATE :])
    assert sound[72_000, 0] == pytest.approx(0.02)  # second 2 of the file, half a second in


def test_a_retimed_clip_is_heard_faster_and_higher(tmp_path: Path) -> None:
    late = np.concatenate([np.zeros(RATE), tone(3, 300)])
    soundfile.write(tmp_path / "line.wav", late, RATE)
    line = clip("line", 0, 48, url="line.wav", speed=2.0)
    back = clip("back", 0, 24, url="line.wav", speed=-1.0)
    original = find_original(cut_with(tmp_path, line, back))
    sound = hear(original, 3.0)
    assert loudness(sound, 0.2, 600) < 0.001
    assert loudness(sound, 0.6, 600) == pytest.approx(0.2, abs=0.01)
    assert loudness(sound, 1.7, 600) == pytest.approx(0.2, abs=0.01)
    assert not np.any(sound[2 * RATE :])
    assert [(note.code, "back" in note.message) for note in original.notes] == [
        ("original_retime", True)
    ]


def dissolve(before: int, after: int) -> Any:
    offsets = (otio.opentime.RationalTime(frames, 24) for frames in (before, after))
    return otio.schema.Transition("x", "SMPTE_Dissolve", *offsets)


def two_tones(folder: Path) -> None:
    soundfile.write(folder / "low.wav", tone(6, 300), RATE)
    soundfile.write(folder / "high.wav", tone(6, 1500), RATE)


def test_a_transition_is_a_crossfade_of_its_length_and_power_stays(tmp_path: Path) -> None:
    two_tones(tmp_path)
    low, high = clip("low", 0, 48, url="low.wav"), clip("high", 72, 48, url="high.wav")
    sound = hear(find_original(cut_with(tmp_path, low, dissolve(12, 24), high)), 4.0)
    assert loudness(sound, 1.2, 1500) < 0.001
    assert loudness(sound, 1.2, 300) == pytest.approx(0.2, abs=0.002)
    for at in (1.6, 1.9, 2.2, 2.5):  # from 1.5 to 3.0
        turn = np.pi / 2 * (at + 0.1 - 1.5) / 1.5
        heard = loudness(sound, at, 300), loudness(sound, at, 1500)
        assert heard == pytest.approx((0.2 * np.cos(turn), 0.2 * np.sin(turn)), abs=0.004)
    assert loudness(sound, 3.1, 300) < 0.001
    assert loudness(sound, 3.1, 1500) == pytest.approx(0.2, abs=0.002)


def test_a_crossfade_goes_on_in_the_media_from_where_the_cut_left_it(tmp_path: Path) -> None:
    put_clicks(tmp_path / "line.wav", 9)
    line = clip("line", 24 * 3, 24, url="line.wav")
    other = clip("other", 24 * 6 + 12, 24, url="line.wav")
    sound = hear(find_original(cut_with(tmp_path, gap(24), line, dissolve(13, 13), other)), 4.0)
    at = np.flatnonzero(sound[:, 0])
    assert at.tolist() == [RATE, 72_000, 2 * RATE, 120_000]
    begun, half, all_but = (np.sin(np.pi / 2 * n / 26) for n in (1, 13, 25))  # of 26 frames
    assert sound[at, 0] == pytest.approx(
        [0.03, 0.06 * begun, 0.04 * half, 0.07 * all_but], rel=0.01
    )


def test_beside_a_gap_or_the_end_a_transition_is_a_fade(tmp_path: Path) -> None:
    two_tones(tmp_path)
    low = clip("low", 48, 48, url="low.wav")
    tail = (dissolve(12, 0), gap(24))
    sound = hear(find_original(cut_with(tmp_path, dissolve(0, 24), low, *tail)), 3.0)
    heard = [loudness(sound, at, 300) for at in (0.1, 0.7, 1.2, 1.7, 2.1)]
    into, out = np.sin(np.pi / 2 * np.array([0.2, 0.8])), np.cos(np.pi / 2 * 0.6)
    assert heard == pytest.approx([0.2 * into[0], 0.2 * into[1], 0.2, 0.2 * out, 0], abs=0.004)


def test_what_is_retimed_or_trimmed_around_is_cut_hard(tmp_path: Path) -> None:
    two_tones(tmp_path)
    low, fast = clip("l", 0, 48, url="low.wav"), clip("h", 0, 48, url="high.wav", speed=2.0)
    sound = hear(find_original(cut_with(tmp_path, low, dissolve(12, 12), fast)), 4.0)
    assert loudness(sound, 1.78, 300) == pytest.approx(0.2, abs=0.004)
    assert loudness(sound, 2.02, 300) < 0.001
    nest = otio.schema.Stack("scene", source_range=time_range(0, 48))
    high = clip("h", 0, 48, url="high.wav")
    nest.append(track(low.clone(), dissolve(12, 12), high, kind=AUDIO))
    sound = hear(find_original(cut_with(tmp_path, nest, gap(48))), 4.0)
    assert loudness(sound, 1.78, 300) == pytest.approx(0.2, abs=0.004)
    assert not np.any(sound[2 * RATE :])


def volume(level_db: Any, **more: Any) -> Any:
    """An effect as Resolve writes a clip's volume."""
    parameter: dict[str, Any] = {"Parameter ID": "volume", "Parameter Value": level_db, **more}
    facts = {"Enabled": True, "Type": 62, "Parameters": [parameter]}
    return otio.schema.Effect("", "Resolve Effect", {"Resolve_OTIO": facts})


def test_a_clip_is_as_loud_as_resolve_has_set_it(tmp_path: Path) -> None:
    two_tones(tmp_path)
    faders = (
        volume(-20.0),
        volume(6.0, **{"Key Frames": {"3": {"Value": 1.0}}}),
        volume("rubbish"),
        otio.schema.Effect("", "Resolve Effect", {"Resolve_OTIO": {"Type": 62}}),
    )
    clips = [clip(f"c{i}", 0, 24, url="low.wav") for i in range(4)]
    for each, fader in zip(clips, faders, strict=True):
        each.effects.append(fader)
    original = find_original(cut_with(tmp_path, *clips))
    assert [(n.code, n.message.endswith(": c1.")) for n in original.notes] == [
        ("original_fader", True)
    ]
    sound = hear(original, 4.0)
    heard = [loudness(sound, second + 0.4, 300) for second in range(4)]
    assert heard == pytest.approx([0.02, 0.2 * 10 ** (6 / 20), 0.2, 0.2], abs=0.002)


def test_levels_of_an_fcp_7_xml_are_factors(tmp_path: Path) -> None:
    two_tones(tmp_path)
    level = {"parameterid": "level", "value": "0.25"}
    other = {"parameterid": "x", "value": "9"}
    effects: list[dict[str, Any]] = [{"parameter": level}, {"parameter": [other, level]}]
    clips = [clip(f"c{i}", 0, 24, url="low.wav") for i in range(2)]
    for each, facts in zip(clips, effects, strict=True):
        metadata = {"fcp_xml": {"effectid": "audiolevels", **facts}}
        each.effects.append(otio.schema.Effect("Audio Levels", "", metadata))
    sound = hear(find_original(cut_with(tmp_path, *clips)), 2.0)
    heard = [loudness(sound, at, 300) for at in (0.4, 1.4)]
    assert heard == pytest.approx([0.05, 0.05], abs=0.001)


def with_streams(path: Path, *sounds: Any) -> Path:
    """A sound file of several streams; a pair makes a stream of two channels."""
    with av.open(str(path), "w") as file:
        layouts = ["stereo" if sound.ndim == 2 else "mono" for sound in sounds]
        streams: list[Any] = [file.add_stream("pcm_s16le", rate=RATE, layout=a) for a in layouts]
        for sound, layout, stream in zip(sounds, layouts, streams, strict=True):
            samples = np.ascontiguousarray((sound.reshape(1, -1) * 32767).astype(np.int16))
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=layout)
            frame.sample_rate = RATE
            file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
    return path


def test_single_channels_of_a_recording_lie_left_and_right_in_turn(tmp_path: Path) -> None:
    with_streams(tmp_path / "line.mov", *(tone(3, hz) for hz in (300, 900, 1500)))
    original = find_original(cut_with(tmp_path, clip("line", 24, 24, url="line.mov")))
    assert original.notes == ()
    sound = hear(original, 1.0)
    for hertz, ears in ((300, (0.2, 0)), (900, (0, 0.2)), (1500, (0.2, 0))):
        heard = [loudness(sound[:, [ear]], 0.4, hertz) for ear in (0, 1)]
        assert heard == pytest.approx(ears, abs=0.002), hertz


def test_of_several_mixes_in_a_file_the_first_is_heard_and_that_is_told(tmp_path: Path) -> None:
    mixes = [np.stack([tone(2, hz)] * 2, 1) for hz in (300, 900)]
    with_streams(tmp_path / "film.mov", *mixes)
    original = find_original(cut_with(tmp_path, clip("film", 0, 24, url="film.mov")))
    assert [(n.code, "film.mov" in n.message) for n in original.notes] == [
        ("original_streams", True)
    ]
    sound = hear(original, 1.0)
    assert loudness(sound, 0.4, 300) == pytest.approx(0.2, abs=0.002)
    assert loudness(sound, 0.4, 900) < 0.001


def test_what_cannot_be_heard_is_named_and_the_rest_is_heard(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "line.wav", tone(4, 300), RATE)
    write_numbered(tmp_path / "mute.mp4", 24, fps=24)
    (tmp_path / "broken.wav").write_bytes(b"RIFF no more")
    urls = ("gone.wav", "mute.mp4", "broken.wav", "line.wav")
    original = find_original(cut_with(tmp_path, *(clip(u, 0, 24, url=u) for u in urls)))
    told = {note.code: note.message for note in original.notes}
    assert set(told) == {"original_offline", "original_mute", "original_unreadable"}
    for code, name in zip(told, ("gone.wav", "broken.wav", "mute.mp4"), strict=True):
        assert told[code].endswith(f": {name}.")
    sound = hear(original, 4.0)
    assert not np.any(sound[: 3 * RATE])
    assert loudness(sound, 3.4, 300) == pytest.approx(0.2, abs=0.002)


def test_many_missing_files_make_one_short_note(tmp_path: Path) -> None:
    clips = [clip(f"{n}", 0, 2, url=f"{n}.wav") for n in range(40)]
    first = find_original(cut_with(tmp_path, *clips)).notes[0]
    assert first.message.endswith("0.wav, 1.wav, 2.wav, 3.wav, 4.wav and 35 more.")


def film_with_sound(path: Path, sound: Any, n: int = 48) -> Path:
    return write_numbered(path, n, fps=24, sound=sound.astype(np.float32))


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv"])
def test_a_film_is_heard_with_its_own_sound(tmp_path: Path, name: str) -> None:
    cut = load(save(timeline(track(gap(24), clip("a", 0, 24))), tmp_path))
    placed = placements(cut.cues, tmp_path / "f")
    soundfile.write(placed[0].wav_path, tone(1, 300), RATE)
    write_preview(cut, placed, tmp_path / name)
    original = find_original(load(tmp_path / name))
    assert original.notes == ()
    sound = hear(original, 2.0)
    first = np.flatnonzero(np.abs(sound[:, 0]) > 0.05)[0]
    assert first == pytest.approx(RATE, abs=48)
    assert loudness(sound, 0.5, 300) < 0.001
    assert loudness(sound, 1.5, 300) == pytest.approx(0.2, abs=0.01)


def test_a_cut_without_audio_tracks_sounds_like_the_media_of_its_picture(tmp_path: Path) -> None:
    film_with_sound(tmp_path / "film.mp4", tone(2, 300))
    shots = track(gap(24), clip("a", 12, 24, url="film.mp4", available=(0, 48)))
    original = find_original(load(save(timeline(shots), tmp_path)))
    assert codes(original) == ["original_picture"]
    sound = hear(original, 2.0)
    assert not np.any(sound[:RATE])
    assert loudness(sound, 1.5, 300) == pytest.approx(0.2, abs=0.01)


def test_a_film_without_sound_is_told(tmp_path: Path) -> None:
    original = find_original(load(write_numbered(tmp_path / "film.mp4", 24, fps=24)))
    assert codes(original) == ["original_mute", "original_silent"]


def test_an_hour_of_sound_is_played_in_flat_memory(tmp_path: Path) -> None:
    """Two minutes stand for the hour: 46 MB a track if they were held whole."""
    noise = np.random.default_rng(0).normal(0, 0.05, 120 * RATE).astype(np.float32)
    soundfile.write(tmp_path / "line.wav", noise, RATE)
    cut = cut_with(tmp_path, clip("line", 0, 2880, url="line.wav", available=None))
    original = find_original(cut)
    tracemalloc.start()
    with Playback(original) as playback:
        for at in range(0, 120 * RATE, 4096):
            playback.samples(at, at + 4096)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2e6


def test_loud_moments_are_bent_and_soft_ones_are_left() -> None:
    ramp = np.linspace(-4, 4, 4001, dtype=np.float32)[:, None].repeat(2, axis=1)
    result = bent(ramp)
    soft = np.abs(ramp) <= KNEE
    assert np.array_equal(result[soft], ramp[soft])
    assert np.abs(result).max() <= CEILING
    assert np.all(np.diff(result[:, 0]) >= 0)
    assert np.abs(np.diff(result[:, 0])).max() <= 0.0021  # no step at the knee
    assert bent(np.zeros((0, 2), np.float32)).shape == (0, 2)


# --- in the film -----------------------------------------------------------------------------


def heard_in(path: Path) -> NDArray[np.float32]:
    with av.open(str(path)) as film:
        blocks = [f.to_ndarray() for f in film.decode(film.streams.audio[0])]
    sound: NDArray[np.float32] = np.concatenate(blocks, axis=1).T
    return sound


@pytest.fixture
def scene(tmp_path: Path) -> tuple[Timeline, list[Placement]]:
    """Foley at 900 Hz in seconds 0 and 1, a line at 300 Hz in 1 and 2, nothing in 3."""
    soundfile.write(tmp_path / "line.wav", tone(4, 300), RATE)
    line = clip("line", 24, 48, url="line.wav")
    shots = track(clip("a", 0, 48), gap(48))
    cut = cut_with(tmp_path, gap(24), line, gap(24), picture=shots)
    placed = placements(cut.cues, tmp_path / "f")
    soundfile.write(placed[0].wav_path, tone(2, 900), RATE)
    return cut, placed


def test_the_preview_has_foley_and_original_each_where_it_is(
    scene: tuple[Timeline, list[Placement]], tmp_path: Path
) -> None:
    cut, placed = scene
    out = tmp_path / "out.mp4"
    write_preview(cut, placed, out, original=find_original(cut))
    sound = heard_in(out)
    heard = [(loudness(sound, at, 900), loudness(sound, at, 300)) for at in (0.4, 1.4, 2.4, 3.4)]
    assert heard == [pytest.approx(pair, abs=0.01) for pair in
                     [(0.2, 0), (0.2, 0.2), (0, 0.2), (0, 0)]]  # fmt: skip


def test_without_an_original_the_preview_is_the_same_as_ever(
    scene: tuple[Timeline, list[Placement]], tmp_path: Path
) -> None:
    cut, placed = scene
    loud = tone(2, 900, 0.99)
    soundfile.write(placed[0].wav_path, loud, RATE)
    write_preview(cut, placed, tmp_path / "alone.mp4")
    nothing = Original((), 0.0, ())
    write_preview(cut, placed, tmp_path / "nothing.mp4", original=nothing)
    alone = heard_in(tmp_path / "alone.mp4")
    assert np.array_equal(alone, heard_in(tmp_path / "nothing.mp4"))
    assert loudness(alone, 1.4, 900) > CEILING
    assert loudness(alone, 2.4, 300) < 0.001


def test_two_loud_sounds_do_not_clip(
    scene: tuple[Timeline, list[Placement]], tmp_path: Path
) -> None:
    cut, placed = scene
    soundfile.write(placed[0].wav_path, tone(2, 900, 0.9), RATE)
    soundfile.write(tmp_path / "line.wav", tone(4, 300, 0.9), RATE)
    out = tmp_path / "out.mp4"
    write_preview(cut, placed, out, original=find_original(cut, 6.0))
    assert np.abs(heard_in(out)).max() < 1.0
