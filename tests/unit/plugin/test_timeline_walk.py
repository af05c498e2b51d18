"""What the audience sees, and when: nests, trims, overlaps, retimes."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest

from tests.helpers.timelines import AUDIO, clip, gap, save, time_range, timeline, track
from vatt_plugin.cues import Cue
from vatt_plugin.timeline import load
from vatt_plugin.timeline.errors import NoPicture, UnknownClip


def cues_of(made: Any, folder: Path, **options: Any) -> dict[str, Cue]:
    return {cue.clip: cue for cue in load(save(made, folder), **options).cues}


def places(made: Any, folder: Path) -> list[tuple[str, int, int]]:
    read = load(save(made, folder))
    return [(c.clip, c.start_frame, c.n_frames) for c in read.cues if c.status != "skipped"]


def media(folder: Path, *names: str) -> None:
    for name in names:
        (folder / f"{name}.mov").write_bytes(b"not opened")


def test_the_topmost_enabled_track_wins(tmp_path: Path) -> None:
    made = timeline(
        track(clip("under", duration=100)),
        track(gap(40), clip("over", duration=20), name="V2"),
        track(gap(50), clip("off", duration=20, enabled=False), name="V3"),
    )
    read = load(save(made, tmp_path))
    seen = [(c.clip, c.start_frame, c.n_frames, c.status) for c in read.cues]
    assert seen == [
        ("under", 0, 40, "offline"),
        ("over", 40, 20, "offline"),
        ("off", 50, 20, "skipped"),
        ("under", 60, 40, "offline"),
    ]
    assert len({cue.cue_id for cue in read.cues}) == 4
    assert Fraction(read.cues[3].origin["media_s"]) == Fraction(60, 24)


def test_hidden_clips_are_named(tmp_path: Path) -> None:
    made = timeline(track(clip("under")), track(clip("over"), name="V2"))
    cues = cues_of(made, tmp_path)
    assert cues["under"].status == "skipped"
    assert cues["under"].origin["why"] == "hidden"
    assert "'over'" in cues["under"].note
    assert cues_of(made, tmp_path, track="V1")["under"].status == "offline"


def test_titles_do_not_hide_the_picture(tmp_path: Path) -> None:
    title = otio.schema.Clip(
        "title",
        media_reference=otio.schema.GeneratorReference("Text"),
        source_range=time_range(0, 48),
    )
    cues = cues_of(timeline(track(clip("shot")), track(title, name="V2")), tmp_path)
    assert cues["shot"].status == "offline"
    assert cues["title"].origin["why"] == "generator"


def test_nests_keep_their_own_trims(tmp_path: Path) -> None:
    nest = otio.schema.Stack("compound", source_range=time_range(12, 40))
    nest.append(track(clip("a", start=100, duration=24), clip("b", duration=100)))
    nest.append(track(clip("sound", duration=200), kind=AUDIO, name="A1"))
    made = timeline(track(clip("first"), nest, clip("last")))
    assert places(made, tmp_path) == [
        ("first", 0, 24),
        ("a", 24, 12),
        ("b", 36, 28),
        ("last", 64, 24),
    ]
    cues = cues_of(made, tmp_path)
    assert Fraction(cues["a"].origin["media_s"]) == Fraction(112, 24)
    assert Fraction(cues["b"].origin["media_s"]) == 0


def test_overlaps_inside_a_nest(tmp_path: Path) -> None:
    nest = otio.schema.Stack("compound")
    nest.append(track(clip("low", duration=48)))
    nest.append(track(gap(12), clip("high", duration=12), name="V2"))
    assert places(timeline(track(gap(10), nest)), tmp_path) == [
        ("low", 10, 12),
        ("high", 22, 12),
        ("low", 34, 24),
    ]


@pytest.mark.parametrize("suffix", ["otio", "xml"])
def test_an_empty_nest_is_told_of_where_picture_was_meant(tmp_path: Path, suffix: str) -> None:
    nests = [otio.schema.Stack(name, source_range=time_range(0, 12)) for name in ("N", "off", "S")]
    for nest in nests:
        nest.append(track())
    nests[1].enabled = False
    picture = track(clip("A"), nests[0], gap(12))
    if suffix == "otio":  # the other's writer cannot say disabled
        picture.append(nests[1])
    path = tmp_path / f"cut.{suffix}"
    sound = track(nests[2], name="A1", kind=AUDIO)
    otio.adapters.write_to_file(timeline(picture, sound), str(path))
    cut = load(path)
    assert [cue.clip for cue in cut.cues] == ["A"]
    assert [note.where for note in cut.report if note.code == "empty_nest"] == ["N"]


def test_a_disabled_nest_is_left_out_by_name(tmp_path: Path) -> None:
    nest = otio.schema.Stack("compound")
    nest.append(track(clip("a")))
    nest.enabled = False
    cues = cues_of(timeline(track(nest, clip("b"))), tmp_path)
    assert cues["a"].origin["why"] == "disabled"
    assert cues["b"].start_frame == 24


def test_a_dissolve_takes_no_time_and_shares_a_border(tmp_path: Path) -> None:
    made = track(clip("a"), clip("b"))
    time = otio.opentime.RationalTime
    made.insert(1, otio.schema.Transition("x", in_offset=time(6, 24), out_offset=time(6, 24)))
    assert places(timeline(made), tmp_path) == [("a", 0, 24), ("b", 24, 24)]


@pytest.mark.parametrize(
    ("speed", "start_s", "scalar"),
    [(2.0, 1.0, 2.0), (0.5, 1.0, 0.5), (-1.0, 1 + 47 / 24, -1.0), (0.0, 1.0, 0.0)],
)
def test_resolves_retimes_keep_the_record_length(
    speed: float, start_s: float, scalar: float, tmp_path: Path
) -> None:
    media(tmp_path, "a")
    made = timeline(track(clip("a", start=24, duration=48, speed=speed), clip("b")))
    made.metadata["Resolve_OTIO"] = {}
    cues = cues_of(made, tmp_path)
    (part,) = cues["a"].picture
    assert (cues["a"].n_frames, cues["b"].start_frame) == (48, 48)
    assert part.start_s == pytest.approx(start_s)
    assert part.time_scalar == scalar
    assert part.duration_s == 2.0


def test_premieres_retimes_store_source_frames(tmp_path: Path) -> None:
    media(tmp_path, "a", "b")
    made = timeline(
        track(clip("a", duration=48, speed=2.0), clip("b", duration=48, speed=-0.5), clip("c"))
    )
    made.tracks[0].metadata["PremierePro_OTIO"] = {}
    cues = cues_of(made, tmp_path)
    assert [cues[n].start_frame for n in "abc"] == [0, 24, 120]
    (part,) = cues["b"].picture
    assert part.start_s == pytest.approx(47 / 24)
    assert part.time_scalar == -0.5


def test_retimes_multiply_also_through_nests(tmp_path: Path) -> None:
    media(tmp_path, "a")
    inner = clip("a", duration=96, speed=2.0)
    inner.effects.append(otio.schema.LinearTimeWarp(time_scalar=-1.0))
    nest = otio.schema.Stack("compound", source_range=time_range(0, 24))
    nest.append(track(inner))
    nest.effects.append(otio.schema.LinearTimeWarp(time_scalar=2.0))
    (part,) = cues_of(timeline(track(nest)), tmp_path)["a"].picture
    assert part.time_scalar == -4.0
    assert part.duration_s == 1.0


def test_a_reversed_nest_shows_its_last_frame_first(tmp_path: Path) -> None:
    media(tmp_path, "a", "b")
    nest = otio.schema.Stack("compound")
    nest.append(track(clip("a"), clip("b")))
    nest.effects.append(otio.schema.LinearTimeWarp(time_scalar=-1.0))
    made = timeline(track(nest))
    assert places(made, tmp_path) == [("b", 0, 24), ("a", 24, 24)]
    (part,) = cues_of(made, tmp_path)["b"].picture
    assert part.start_s == pytest.approx(23 / 24)
    assert part.time_scalar == -1.0


def test_a_frozen_nest_holds_one_frame(tmp_path: Path) -> None:
    media(tmp_path, "a")
    nest = otio.schema.Track("nest", source_range=time_range(12, 48))
    nest.append(clip("a", start=24, duration=24))
    nest.effects.append(otio.schema.FreezeFrame())
    (part,) = cues_of(timeline(track(nest)), tmp_path)["a"].picture
    assert (part.start_s, part.duration_s, part.time_scalar) == (1.5, 2.0, 0.0)


def test_a_varying_speed_is_left_out_by_name(tmp_path: Path) -> None:
    ramped = clip("ramp")
    ramped.effects.append(otio.schema.TimeEffect("ramp", "TimeWarp"))
    cues = cues_of(timeline(track(ramped, clip("b"))), tmp_path)
    assert cues["ramp"].origin["why"] == "retime"
    assert cues["b"].start_frame == 24


def test_mixed_rates_meet_on_whole_frames(tmp_path: Path) -> None:
    media(tmp_path, "pal")
    start = otio.opentime.RationalTime(86400, 24)
    made = timeline(track(clip("pal", start=25, duration=50, rate=25.0), clip("b")), start=start)
    read = load(save(made, tmp_path))
    assert [(c.start_frame, c.n_frames) for c in read.cues] == [(0, 48), (48, 24)]
    assert read.cues[0].picture[0].start_s == 1.0
    assert read.cues[1].record_timecode_s == 3602


def test_dirty_rates_are_exact_and_their_literal_is_kept(tmp_path: Path) -> None:
    dirty = 23.976024627685547
    made = timeline(track(*(clip(f"s{n}", 86400.0887, 100, dirty) for n in range(3))))
    read = load(save(made, tmp_path))
    assert read.rate == dirty
    assert read.cues[2].start_s == Fraction(200 * 1001, 24000)
    assert Fraction(read.cues[2].origin["media_s"]) == Fraction(86400 * 1001, 24000)


@pytest.mark.parametrize(
    ("start", "rate", "drop"),
    [(0, 29.97, True), (107892, 29.97, True), (108000, 29.97, False), (86400, 23.976, False)],
)
def test_drop_frame_is_told_by_the_start(
    start: int, rate: float, drop: bool, tmp_path: Path
) -> None:
    at = otio.opentime.RationalTime(start, rate)
    read = load(save(timeline(track(clip("a", rate=rate)), start=at), tmp_path))
    assert read.drop is drop


def test_an_audio_rate_is_not_the_timelines(tmp_path: Path) -> None:
    sound = clip("s", duration=96_000, rate=48_000.0)
    made = timeline(
        track(sound, sound.deepcopy(), kind=AUDIO, name="A1"), track(clip("a", rate=25))
    )
    assert load(save(made, tmp_path)).fps == 25


def test_the_rate_of_nested_clips_counts(tmp_path: Path) -> None:
    nest = otio.schema.Stack("compound")
    nest.append(track(clip("a", rate=30.0)))
    assert load(save(timeline(track(nest)), tmp_path)).fps == 30


def test_media_start_is_taken_from_the_available_range(tmp_path: Path) -> None:
    media(tmp_path, "a")
    made = timeline(track(clip("a", start=86424, duration=24, available=(86400, 240))))
    (part,) = cues_of(made, tmp_path)["a"].picture
    assert part.start_s == 1.0


def test_what_lies_before_the_media_is_black(tmp_path: Path) -> None:
    media(tmp_path, "a")
    cut = timeline(
        track(
            clip("early", 90, 24, url="a.mov", available=(100, 50)),
            clip("rounded", 99, 24, url="a.mov", available=(100, 50)),
            clip("from zero", 12, 24, url="a.mov", available=(86400, 50)),
        )
    )
    read = load(save(cut, tmp_path))
    early, rounded, from_zero = read.cues
    dark, shown = early.picture
    assert (dark.media, dark.duration_s) == ("", 10 / 24)
    assert (shown.start_s, shown.duration_s) == (0.0, 14 / 24)
    assert [(part.start_s, part.duration_s) for part in rounded.picture] == [(0.0, 1.0)]
    assert [part.start_s for part in from_zero.picture] == [0.5]
    assert [note.where for note in read.report if note.code == "media_start"] == ["from zero"]


def test_another_reference_is_read_by_offset(tmp_path: Path) -> None:
    media(tmp_path, "proxy")
    made = clip("a", start=86424, available=(86400, 240), url="/away/a.mxf")
    proxy = otio.schema.ExternalReference("proxy.mov", time_range(0, 240))
    made.set_media_references(
        {"DEFAULT_MEDIA": made.media_reference, "proxy": proxy}, "DEFAULT_MEDIA"
    )
    read = load(save(timeline(track(made)), tmp_path))
    (cue,) = read.cues
    assert cue.status == "ready"
    assert cue.media.endswith("proxy.mov")
    assert cue.picture[0].start_s == 1.0
    assert any(note.code == "relinked" for note in read.report)


def test_stills_and_sequences(tmp_path: Path) -> None:
    (tmp_path / "card.png").write_bytes(b"x")
    (tmp_path / "sh%1.1010.exr").write_bytes(b"x")
    sequence = otio.schema.ImageSequenceReference(
        "", "sh%1.", ".exr", start_frame=1010, rate=24, frame_zero_padding=4,
        available_range=time_range(1010, 100),
    )  # fmt: skip
    shot = otio.schema.Clip("shot", media_reference=sequence, source_range=time_range(1022, 24))
    cues = cues_of(timeline(track(clip("card", url="card.png"), shot)), tmp_path)
    assert cues["card"].picture[0].time_scalar == 0.0
    (part,) = cues["shot"].picture
    assert part.media == f"{tmp_path}/sh%%1.%04d.exr"
    assert part.sequence is not None
    assert (part.sequence.first_number, part.start_s) == (1010, 0.5)


def test_a_sequence_delivered_in_part_is_read_from_there(tmp_path: Path) -> None:
    (tmp_path / "my shots").mkdir()
    (tmp_path / "my shots" / "sh 1.1022.exr").write_bytes(b"x")
    sequence = otio.schema.ImageSequenceReference(
        f"file://{tmp_path}/my%20shots", "sh%201.", ".exr", start_frame=1010, rate=24,
        frame_zero_padding=4, available_range=time_range(1010, 100),
    )  # fmt: skip
    shot = otio.schema.Clip("shot", media_reference=sequence, source_range=time_range(1022, 24))
    (cue,) = load(save(timeline(track(shot)), tmp_path)).cues
    (part,) = cue.picture
    assert part.media == f"{tmp_path}/my shots/sh 1.%04d.exr"
    assert part.sequence is not None
    assert (part.sequence.first_number, part.start_s) == (1022, 0.0)


def test_the_stacks_own_range_trims_the_cut(tmp_path: Path) -> None:
    made = timeline(track(clip("a"), clip("b"), clip("c")))
    made.tracks.source_range = time_range(30, 30)
    read = load(save(made, tmp_path))
    assert [(c.clip, c.start_frame, c.n_frames) for c in read.cues] == [("b", 0, 18), ("c", 18, 12)]
    assert read.n_frames == 30


def test_media_paths_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    media(tmp_path, "a")
    save(timeline(track(clip("a"))), tmp_path)
    monkeypatch.chdir(tmp_path)
    (cue,) = load("cut.otio").cues
    assert cue.picture[0].media == str(tmp_path / "a.mov")
    (cue,) = load("cut.otio", media_roots=[Path("rushes")]).cues
    assert Path(cue.media).is_absolute()


def test_choices_are_checked(tmp_path: Path) -> None:
    path = save(timeline(track(clip("a"), clip("b"), clip("c"))), tmp_path)
    assert [cue.clip for cue in load(path, clips=["b"]).cues] == ["b"]
    assert [cue.clip for cue in load(path, between=("00:00:01:00", "00:00:02:00")).cues] == ["b"]
    assert [cue.clip for cue in load(path, between=("0.5", "1.5")).cues] == ["a", "b"]
    with pytest.raises(UnknownClip, match="'x'"):
        load(path, clips=["x"])
    with pytest.raises(UnknownClip, match="'V7'"):
        load(path, track="V7")
    with pytest.raises(NoPicture):
        load(save(timeline(track(clip("s"), kind=AUDIO)), tmp_path, "sound.otio"))


def test_reading_tells_progress_and_can_be_cancelled(tmp_path: Path) -> None:
    path = save(timeline(track(*(clip(f"{n}") for n in range(1200)))), tmp_path)
    told: list[int] = []
    load(path, on_clip=told.append)
    assert told == [500, 1000]

    def stop(n_clips: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(path, on_clip=stop)


def test_sound_at_a_sample_rate_does_not_set_the_rate_of_the_cut(tmp_path: Path) -> None:
    picture = track(gap(30, 30), clip("a", 0, 60, rate=30), clip("b", 10, 15, rate=30))
    sound = track(*(clip(f"s{n}", 0, 44_100, rate=44_100) for n in range(5)), kind=AUDIO)
    read = load(save(timeline(picture, sound), tmp_path))
    assert (read.fps, read.rate) == (Fraction(30), 30.0)
    assert [(c.clip, c.start_frame, c.n_frames) for c in read.cues] == [
        ("a", 30, 60),
        ("b", 90, 15),
    ]


def test_clips_of_the_first_schema_without_metadata_are_read(tmp_path: Path) -> None:
    path = save(timeline(track(clip("a", 0, 24), gap(6), clip("b", 0, 12))), tmp_path)
    data = json.loads(path.read_text())
    for child in data["tracks"]["children"][0]["children"]:
        del child["metadata"]
        if child["OTIO_SCHEMA"] == "Clip.2":
            child["OTIO_SCHEMA"] = "Clip.1"
            child["media_reference"] = child.pop("media_references")["DEFAULT_MEDIA"]
            del child["media_reference"]["metadata"], child["active_media_reference_key"]
    path.write_text(json.dumps(data))
    read = load(path)
    assert [(c.clip, c.start_frame, c.n_frames) for c in read.cues] == [("a", 0, 24), ("b", 30, 12)]
    assert [Path(c.media).name for c in read.cues] == ["a.mov", "b.mov"]
