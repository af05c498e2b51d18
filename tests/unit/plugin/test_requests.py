"""From cues and wishes to requests: handles, lanes, and what counts as the same request."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.cuts import make_cue
from vatt_engine.messages import PictureSegment, SyncLane
from vatt_plugin.requests import Wish, generate_request, picture_with_handles, request_key


def segments(*parts: PictureSegment, handles: int = 12) -> tuple[PictureSegment, ...]:
    return picture_with_handles(make_cue(picture=parts), handles)


def test_no_handles_no_change() -> None:
    assert segments(PictureSegment("/a", 1.0, 2.0), handles=0) == (PictureSegment("/a", 1.0, 2.0),)


def test_handles_continue_the_clip_in_its_own_media() -> None:
    before, clip, after = segments(PictureSegment("/a", 1.0, 2.0))
    assert clip == PictureSegment("/a", 1.0, 2.0)
    assert before == PictureSegment("/a", 0.5, 0.5)
    assert after == PictureSegment("/a", 3.0, 0.5)


def test_what_lies_before_the_media_is_black() -> None:
    black, there, *_ = segments(PictureSegment("/a", 0.2, 2.0))
    assert black == PictureSegment("", 0.0, black.duration_s)
    assert black.duration_s == pytest.approx(0.3)
    assert there == PictureSegment("/a", 0.0, there.duration_s)
    assert there.duration_s == pytest.approx(0.2)
    assert segments(PictureSegment("/a", 0.0, 2.0))[0] == PictureSegment("", 0.0, 0.5)


def test_retimed_handles_play_at_the_clips_speed() -> None:
    before, _, after = segments(PictureSegment("/a", 5.0, 2.0, 2.0))
    assert (before.start_s, before.time_scalar) == (4.0, 2.0)
    assert after.start_s == 9.0
    before, _, after = segments(PictureSegment("/a", 5.0, 2.0, -1.0))
    assert (before.start_s, after.start_s) == (5.5, 3.0)
    assert segments(PictureSegment("/a", 2.0, 2.0, -1.5))[-1] == PictureSegment("", 0.0, 0.5)
    before, _, after = segments(PictureSegment("/a", 5.0, 2.0, 0.0))
    assert (before.start_s, after.start_s) == (5.0, 5.0)


def test_a_users_lane_moves_with_the_handle() -> None:
    lane = SyncLane(((0.0, 1.0), (0.25, 0.5)), (0.1, 0.2), 50.0)
    request = generate_request(make_cue(), Wish("m", sync="lane", lane=lane, handle_frames=12))
    assert request.lane is not None
    assert request.lane.hits == ((0.5, 1.0), (0.75, 0.5))
    assert request.lane.intensity == (0.0,) * 25 + (0.1, 0.2) + (0.0,) * 25


def test_the_engine_is_told_how_long_the_handles_are() -> None:
    assert generate_request(make_cue(), Wish("m", handle_frames=12)).handle_s == 0.5


def test_the_key_changes_with_what_changes_the_sound_and_with_nothing_else(tmp_path: Path) -> None:
    media = tmp_path / "a.mov"
    media.write_bytes(b"picture")
    cue = make_cue(picture=(PictureSegment(str(media), 0.0, 0.5),))
    wish = Wish("tiny")

    def key(wish: Wish = wish, scratch: str = "/1", job_id: str = "1", model: str = "h") -> str:
        return request_key(generate_request(cue, wish, job_id=job_id, scratch=scratch), model, cue)

    same = key()
    assert key(scratch="/2", job_id="2") == same
    changes: dict[str, Any] = {
        "prompt": "x", "negative": "x", "seed": 1, "takes": 2, "steps": 3, "cfg": 2.0,
        "sync": "off", "device": "cuda", "handle_frames": 1,
    }  # fmt: skip
    for name, value in changes.items():
        assert key(dataclasses.replace(wish, **{name: value})) != same, name
    assert key(model="other weights") != same
    os.utime(media, ns=(1, 1))
    assert key() != same
    media.unlink()
    assert key() != same


def test_black_counts_as_no_file_whatever_folder_one_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The handle before a media file's first frame is black; its key was the working folder's."""
    media = tmp_path / "a.mov"
    media.write_bytes(b"picture")
    cue = make_cue(picture=(PictureSegment(str(media), 0.0, 0.5),))
    request = generate_request(cue, Wish("tiny", handle_frames=12))
    assert "" in {segment.media for segment in request.picture}
    keys = set()
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        keys.add(request_key(request, "h", cue))
        (tmp_path / name / "file").touch()
        keys.add(request_key(request, "h", cue))
    assert len(keys) == 1
