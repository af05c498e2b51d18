"""Requests and events survive the wire; what is no message of ours is refused in words."""

from __future__ import annotations

import dataclasses
import math

import pytest

from vatt_engine import messages
from vatt_engine.errors import BadRequest
from vatt_engine.messages import (
    CaptionReady,
    Failed,
    Generate,
    HeldTake,
    ImageSequence,
    LaneReady,
    PictureSegment,
    SyncLane,
    TakeReady,
)
from vatt_engine.wire import MAX_LINE_BYTES, decode_event, decode_request, encode

LANE = SyncLane(((0.5, 1.0), (1.25, 0.25)), (0.0, 0.5), 50.0)
REQUEST = Generate(
    job_id="j",
    model="tiny",
    picture=(
        PictureSegment("/a b/ü.mov", 1.5, 2.0, -1.0),
        PictureSegment("/s.%04d.png", 0.0, 1.0, 1.0, ImageSequence(1001, 24.0)),
    ),
    n_samples=96_000,
    prompt=None,
    lane=LANE,
    held=HeldTake("/codes", 0.5, 1.0),
    scratch="/tmp/x",
)


@pytest.mark.parametrize("cls", messages.REQUESTS.values())
def test_every_request_round_trips_with_its_defaults(cls: type[messages.Request]) -> None:
    assert decode_request(encode(cls())) == cls()


@pytest.mark.parametrize("cls", messages.EVENTS.values())
def test_every_event_round_trips_with_its_defaults(cls: type[messages.Event]) -> None:
    assert decode_event(encode(cls())) == cls()


def test_a_full_request_round_trips() -> None:
    assert decode_request(encode(REQUEST)) == REQUEST


def test_nested_events_round_trip() -> None:
    for event in (
        LaneReady("j", LANE),
        CaptionReady("j", "door", -0.5, (("door", -0.5), ("thud", -1.0))),
        TakeReady("j", 1, 2, figures={"peak_db": -3.0}, sync=None),
    ):
        assert decode_event(encode(event)) == event


def test_a_line_is_one_line_whatever_the_text_holds() -> None:
    line = encode(Failed("j", "x", "two\nlines\u2028and more\r"))
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")


def test_unknown_keys_are_ignored_for_the_sake_of_newer_programs() -> None:
    line = b'{"type": "cancel", "job_id": "j", "reason": "later version"}'
    assert decode_request(line) == messages.Cancel("j")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"", "Not a JSON line"),
        (b"hello", "Not a JSON line"),
        (b"[1]", "JSON object"),
        (b"null", "JSON object"),
        (b'{"no": "type"}', "Unknown message type None"),
        (b'{"type": ["a"]}', "Unknown message type"),
        (b'{"type": "finished"}', "Unknown message type 'finished'"),
        (b'{"type": "generate", "takes": "two"}', "generate.takes must be int"),
        (b'{"type": "generate", "takes": true}', "generate.takes must be int"),
        (b'{"type": "generate", "picture": 5}', "generate.picture must be a list"),
        (b'{"type": "generate", "picture": [{"media": 5}]}', r"picture\[0\].media must be str"),
        (b'{"type": "generate", "picture": [{}]}', "missing"),
        (b'{"type": "generate", "lane": {"hits": [[1]]}}', "must have 2 items"),
        (b'{"type": "bench", "options": []}', "must be an object"),
        (b"[" * 100_000, "Not a JSON line"),
    ],
)
def test_what_is_no_request_is_refused_by_name(line: bytes, says: str) -> None:
    with pytest.raises(BadRequest, match=says):
        decode_request(line)


def test_numbers_json_cannot_carry_are_refused_before_they_are_sent() -> None:
    with pytest.raises(BadRequest, match="JSON cannot carry"):
        encode(TakeReady("j", lag_s=math.nan))


def test_lines_over_the_limit_are_refused_on_both_sides() -> None:
    with pytest.raises(BadRequest, match="limit"):
        encode(Failed("j", "x", "y" * MAX_LINE_BYTES))
    with pytest.raises(BadRequest, match="limit"):
        decode_event(b" " * (MAX_LINE_BYTES + 1))


def test_messages_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        REQUEST.seed = 5  # type: ignore[misc]
