"""The preview film: the right picture at every frame, every sound where it lies."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import av
import numpy as np
import opentimelineio as otio
import pytest
from numpy.typing import NDArray

from tests.helpers.cuts import make_cue
from tests.helpers.movies import read_number, write_numbered
from vatt_engine.errors import CannotWrite
from vatt_plugin import bwf
from vatt_plugin.cues import Recipe, Take
from vatt_plugin.preview import write_preview
from vatt_plugin.timeline import Placement, Timeline, load
from vatt_plugin.timeline.tracks import Sound

FPS = 25
SAMPLES_A_FRAME = 48_000 // FPS


def span(start: int, length: int) -> otio.opentime.TimeRange:
    return otio.opentime.TimeRange(
        otio.opentime.RationalTime(start, FPS), otio.opentime.RationalTime(length, FPS)
    )


def make_cut(folder: Path) -> Timeline:
    """Frames 10..17, a gap of 4, frames 30..37 backwards, a clip whose media is gone."""
    write_numbered(folder / "film.mp4", 50, fps=FPS)
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)

    def clip(name: str, url: str, start: int) -> otio.schema.Clip:
        return otio.schema.Clip(
            name, otio.schema.ExternalReference(url, span(0, 50)), span(start, 8)
        )

    reverse = clip("back", "film.mp4", 30)
    reverse.effects.append(otio.schema.LinearTimeWarp(time_scalar=-1.0))
    track.append(clip("forth", "film.mp4", 10))
    track.append(otio.schema.Gap(source_range=span(0, 4)))
    track.append(reverse)
    track.append(clip("gone", "gone.mp4", 0))
    timeline = otio.schema.Timeline("cut")
    timeline.tracks.append(track)
    path = folder / "cut.otio"
    otio.adapters.write_to_file(timeline, str(path))
    return load(path)


def place(timeline: Timeline, folder: Path, handle_frames: int = 0) -> list[Placement]:
    """A take under each cue: silent in the handles, then a level that tells the cue."""
    placements = []
    for number, cue in enumerate(timeline.cues):
        n_handle = handle_frames * SAMPLES_A_FRAME
        sound = np.zeros((cue.n_frames * SAMPLES_A_FRAME + 2 * n_handle, 1))
        sound[n_handle : len(sound) - n_handle] = 0.2 * (number + 1)
        path = folder / f"{number}.wav"
        bwf.write(path, bwf.WavFacts(n_samples=len(sound)), [bwf.to_pcm24(sound)])
        recipe = Recipe("m", "", "", "cpu", None, "", 0, None, None, "auto")
        take = Take(f"take{number}", cue.cue_id, str(path), "", "", recipe)
        placements.append(Placement(cue, take, path, handle_frames))
    return placements


def watch(path: Path) -> tuple[list[NDArray[np.uint8]], NDArray[np.float32]]:
    with av.open(str(path)) as film:
        images = [f.to_ndarray(format="rgb24") for f in film.decode(film.streams.video[0])]
    with av.open(str(path)) as film:
        blocks = [f.to_ndarray() for f in film.decode(film.streams.audio[0])]
    return images, np.concatenate(blocks, axis=1)


@pytest.mark.parametrize("handle_frames", [0, 3])
def test_picture_and_sound_lie_where_they_lie_on_the_timeline(
    tmp_path: Path, handle_frames: int
) -> None:
    timeline = make_cut(tmp_path)
    out = tmp_path / "out.mp4"
    done: list[int] = []
    write_preview(timeline, place(timeline, tmp_path, handle_frames), out, done.append)
    images, sound = watch(out)
    assert len(images) == sum(done) == timeline.n_frames == 28
    shown = [
        read_number(image.transpose(2, 0, 1)) if image.max() > 60 else None for image in images
    ]
    assert shown[:8] == list(range(10, 18))
    assert shown[8:12] == [None] * 4
    back = [number for number in shown[12:20] if number is not None]
    assert len(back) == 8
    assert [a - b for a, b in itertools.pairwise(back)] == [1] * 7
    assert shown[20:] == [None] * 8  # no picture, but its sound
    middles = [(4, 0.2), (10, 0.0), (16, 0.4), (24, 0.6)]
    for frame, level in middles:
        at = round((frame + 0.5) * SAMPLES_A_FRAME)
        assert sound[:, at - 200 : at + 200].mean() == pytest.approx(level, abs=0.02)
    assert np.allclose(sound[0], sound[1], atol=0.01)


def test_room_tone_and_sounds_that_overlap_are_heard_too(tmp_path: Path) -> None:
    timeline = make_cut(tmp_path)
    placed = place(timeline, tmp_path)
    first, second, _ = placed
    early = second.cue._replace(start_frame=4, n_frames=12)
    bed_path = tmp_path / "bed.wav"
    bed = np.full((28 * SAMPLES_A_FRAME, 1), 0.1)
    bwf.write(bed_path, bwf.WavFacts(n_samples=len(bed)), [bwf.to_pcm24(bed)])
    out = tmp_path / "out.mp4"
    sounds = [dataclasses.replace(second, cue=early), first]
    extra = [Sound(0, 26, 2, 28, 0, bed_path, "bed")]
    write_preview(timeline, sounds, out, extra=extra)
    _, sound = watch(out)
    for frame, level in [(2, 0.3), (6, 0.7), (10, 0.5), (14, 0.1), (27, 0.0)]:
        at = round((frame + 0.5) * SAMPLES_A_FRAME)
        assert sound[:, at - 200 : at + 200].mean() == pytest.approx(level, abs=0.02), frame


def test_a_preview_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    timeline = make_cut(tmp_path)
    before = sorted(tmp_path.iterdir())
    for name in ("out.nonsense", "out.m3u8", "no/such/folder.mp4"):
        with pytest.raises(CannotWrite):
            write_preview(timeline, [], tmp_path / name)
    assert sorted(tmp_path.iterdir()) == before


def test_cues_without_picture_make_a_black_film(tmp_path: Path) -> None:
    timeline = dataclasses.replace(make_cut(tmp_path), cues=(make_cue(status="offline"),))
    out = tmp_path / "out.mp4"
    write_preview(timeline, [], out)
    images, _ = watch(out)
    assert len(images) == 28
    assert max(int(image.max()) for image in images) < 20
