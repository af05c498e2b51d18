"""Properties over random timelines: positions, losslessness, conform."""

from __future__ import annotations

import itertools
import json
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.helpers import played
from tests.helpers.timelines import AUDIO, clip, gap, time_range, timeline, track
from vatt_plugin.timeline import conform
from vatt_plugin.timeline.laid import laid_takes
from vatt_plugin.timeline.media import MediaFinder
from vatt_plugin.timeline.model import Document, Timeline
from vatt_plugin.timeline.reading import read_document
from vatt_plugin.timeline.tracks import Sound, build_track, lanes
from vatt_plugin.timeline.walk import Walker
from vatt_plugin.timeline.writing import write_sounds

MANY = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
RATES = (24.0, 25.0, 30.0, 24000 / 1001, 23.976024627685547)
lengths = st.integers(1, 60)


@st.composite
def items(draw: st.DrawFn, rate: float, depth: int) -> Any:
    kind = draw(st.sampled_from(["clip", "clip", "gap", "nest"] if depth else ["clip", "gap"]))
    if kind == "clip":
        start = draw(st.integers(0, 500))
        made = clip(f"c{draw(st.integers(0, 5))}", start, draw(lengths), rate)
        made.enabled = draw(st.sampled_from([True, True, True, False]))
        return made
    if kind == "gap":
        return gap(draw(lengths), rate)
    nest = otio.schema.Stack(f"n{draw(st.integers(0, 9))}")
    nest.extend(draw(st.lists(tracks(rate, depth - 1), min_size=1, max_size=2)))
    if draw(st.booleans()):
        whole = int(nest.available_range().duration.value)
        start = draw(st.integers(0, max(0, whole - 1)))
        nest.source_range = time_range(start, draw(st.integers(1, whole - start)), rate)
    return nest


@st.composite
def tracks(draw: st.DrawFn, rate: float, depth: int) -> Any:
    children = draw(st.lists(items(rate, depth), min_size=1, max_size=4))
    return track(*children, name=f"V{draw(st.integers(1, 9))}")


@st.composite
def timelines(draw: st.DrawFn) -> Any:
    rate = draw(st.sampled_from(RATES))
    made = timeline(*draw(st.lists(tracks(rate, 2), min_size=1, max_size=3)))
    made.tracks[0].append(clip("last", 0, 10, rate))  # so that there is picture at all
    made.tracks.append(track(gap(5, rate), clip("sound", 0, 10, rate), kind=AUDIO, name="A1"))
    made.global_start_time = otio.opentime.RationalTime(draw(st.integers(0, 90_000)), rate)
    made.metadata["other"] = {"n": draw(st.floats(allow_nan=False, allow_infinity=False)), "ü": "é"}
    return made


def read(made: Any, folder: Path) -> Timeline:
    text = made.to_json_string(indent=2)
    document = Document(folder / "cut.otio", folder, made, text.encode())
    return read_document(document, MediaFinder(folder))


@MANY
@given(timelines())
def test_positions_are_otios_own(made: Any) -> None:
    """Every top-level item lies where OTIO's ``range_in_parent`` puts it."""
    fps = Fraction(24)
    walk = Walker(fps).run(made.tracks)
    for child, placed in zip(made.tracks, walk.tracks, strict=True):
        for place in placed:
            expected = place.item.range_in_parent()
            rate = expected.start_time.rate
            assert abs(float(place.start / fps) - expected.start_time.value / rate) < 1e-3
            assert abs(float(place.length / fps) - expected.duration.value / rate) < 1e-3
        assert len(placed) == len(child)


@MANY
@given(timelines())
def test_what_is_seen_lies_where_the_chain_of_parents_puts_it(made: Any) -> None:
    """A visible moment, sent from its clip up to the stack by OTIO, is where we say it is."""
    start = made.global_start_time
    fps = Fraction(start.rate).limit_denominator(1001) if start.rate < 24 else Fraction(start.rate)
    walk = Walker(fps).run(made.tracks)
    seconds = otio.opentime.to_seconds
    for span in (*walk.seen, *walk.left_out):
        shown = otio.opentime.RationalTime(float(span.media), start.rate)
        there = span.leaf.clip.transformed_time(shown, made.tracks)
        ours = otio.opentime.RationalTime(float(span.start), start.rate)
        assert abs(seconds(there) - seconds(ours)) < 0.01
    for span, after in itertools.pairwise(walk.seen):
        assert span.end <= after.start


SPEEDS = st.sampled_from([1.0, 1.0, 2.0, 0.5, 3.0])


def played_at(item: Any, speed: float) -> Any:
    if speed != 1.0:
        item.effects.append(otio.schema.LinearTimeWarp(time_scalar=speed))
    return item


@st.composite
def retimed(draw: st.DrawFn, depth: int) -> Any:
    """A track of clips, gaps and nests, any of them trimmed and retimed."""
    children: list[Any] = []
    for number in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["clip", "clip", "gap", "nest"] if depth else ["clip", "gap"]))
        if kind == "clip":
            made = clip(f"c{depth}{number}", draw(st.integers(0, 300)), draw(st.integers(1, 30)))
            children.append(played_at(made, draw(SPEEDS)))
        elif kind == "gap":
            children.append(gap(draw(st.integers(1, 10))))
        else:
            nest = otio.schema.Stack("nest")
            nest.extend(draw(st.lists(retimed(depth - 1), min_size=1, max_size=2)))
            if draw(st.booleans()):
                start = draw(st.integers(0, int(played.inner_length(nest)) - 1))
                nest.source_range = time_range(start, draw(st.integers(1, 40)))
                played_at(nest, draw(SPEEDS))
            children.append(nest)
    made = track(*children)
    if draw(st.booleans()):
        start = draw(st.integers(0, int(played.inner_length(made)) - 1))
        made.source_range = time_range(start, draw(st.integers(1, 60)))
    return made


@MANY
@given(st.lists(retimed(2), min_size=1, max_size=3))
def test_trims_and_retimes_at_every_level_show_what_plays(layers: list[Any]) -> None:
    """At every moment the audience sees what a frame-by-frame player would show."""
    root = timeline(*layers)
    walk = Walker(Fraction(24), "resolve").run(root.tracks)
    assert walk.length == played.inner_length(root.tracks)
    for frame in range(int(walk.length)):
        moment = frame + Fraction(1, 3) + Fraction(1, 97)  # away from every border
        ours = [
            (span.leaf.clip.name, span.media + (moment - span.start) * span.speed)
            for span in walk.seen
            if span.start <= moment < span.end
        ]
        assert ours == [seen for seen in [played.seen_in(root.tracks, moment)] if seen is not None]


def sounds(cut: Timeline, folder: Path) -> list[Sound]:
    """A sound per cue, on paper only."""
    made = []
    for number, cue in enumerate(cue for cue in cut.cues if cue.status != "skipped"):
        take = f"{number:012x}"
        facts = {"take": take, "cue": cue.cue_id}
        path = folder / "f" / f"{take}.wav"
        made.append(
            Sound(cue.start_frame, cue.n_frames, 0, cue.n_frames, 0, path, f"vatt-{take}", 1, facts)
        )
    return made


def laid(cut: Timeline, folder: Path) -> Timeline:
    """The cut with a take under every cue, as ``write`` lays them, without touching a disk."""
    root = cut.document.root.deepcopy()
    for name, lane in lanes(sounds(cut, folder)):
        root.tracks.append(build_track(name, lane, cut, folder / "out.otio", "portable", ""))
    return read_document(Document(folder / "out.otio", folder, root), MediaFinder(folder))


@MANY
@given(timelines())
def test_writing_never_alters_the_original(made: Any) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "f").mkdir()
        cut = read(made, folder)
        write_sounds(cut, sounds(cut, folder), folder / "out.otio")
        before = json.loads(cut.document.text)
        after = json.loads((folder / "out.otio").read_text())
        new = after["tracks"]["children"][len(before["tracks"]["children"]) :]
        del after["tracks"]["children"][len(before["tracks"]["children"]) :]
        assert before == after
        assert all(child["name"].startswith("Foley") for child in new)


@MANY
@given(timelines())
def test_conform_to_itself_is_the_identity(made: Any) -> None:
    folder = Path("/nowhere")
    cut = laid(read(made, folder), folder)
    planned = conform.plan(cut, cut)
    served = [fate for fate in planned.fates if fate.fate != "skipped"]
    assert all(fate.fate == "kept" for fate in served)
    assert not planned.unused
    takes = {each.cue.cue_id: each.take for each in laid_takes(cut)}
    for fate in served:
        assert [piece.laid.take for piece in fate.pieces] == [takes[fate.cue.cue_id]]


@MANY
@given(
    st.lists(st.tuples(st.integers(0, 400), lengths), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
    st.sampled_from(RATES),
)
def test_takes_follow_a_shuffled_cut(
    shots: list[tuple[int, int]], random: Any, rate: float
) -> None:
    clips = [
        clip(f"s{n}", start, length, rate, url=f"m{n}.mov")
        for n, (start, length) in enumerate(shots)
    ]
    order = list(range(len(clips)))
    random.shuffle(order)
    folder = Path("/nowhere")
    old = laid(read(timeline(track(*(c.deepcopy() for c in clips))), folder), folder)
    new = read(timeline(track(*(clips[n].deepcopy() for n in order))), folder)
    take_of = {each.cue.clip: each.take for each in laid_takes(old)}
    planned = conform.plan(old, new)
    assert not planned.unused
    for fate in planned.fates:
        assert fate.fate in ("kept", "moved")
        (piece,) = fate.pieces
        assert piece.laid.take == take_of[fate.cue.clip]
        assert (piece.first, piece.last, piece.in_frame) == (0, fate.cue.n_frames, 0)
