"""One look at a picture: features at their times, in flat memory, and honest about gaps."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch

from tests.helpers.movies import write_movie, write_numbered
from vatt_engine import seeing
from vatt_engine.errors import BadRequest, Cancelled
from vatt_engine.messages import PictureSegment
from vatt_engine.motion import N_FEATURES
from vatt_engine.nets.visual import VisualEncoder
from vatt_engine.presets import preset
from vatt_engine.seeing import Seen, features_of, look, summary_of


@dataclass
class _Config:
    fps: float = 5.0


class MeanColour:
    """Stands in for the visual encoder: a feature is the mean of each colour."""

    config = _Config()
    image_size = 16
    width = 3

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        self.batches.append(len(images))
        return images.float().mean(dim=(2, 3))


def quiet(stage: str, done: int, total: int | None) -> None:
    pass


@pytest.fixture
def fade(tmp_path: Path) -> PictureSegment:
    """Four seconds at 25 fps that brighten by two grey levels a frame."""
    images = [np.full((48, 64, 3), 20 + 2 * i, np.uint8) for i in range(100)]
    path = write_movie(tmp_path / "fade.mp4", images, options={"crf": "1"})
    return PictureSegment(str(path), 0.0, 4.0)


def see(*segments: PictureSegment, small: bool = False) -> tuple[Seen, MeanColour]:
    encoder = MeanColour()
    return look(segments, cast(VisualEncoder, encoder), quiet, small=small), encoder


def test_features_are_of_their_moments(fade: PictureSegment) -> None:
    seen, encoder = see(fade)
    assert seen.features.shape == (20, 3)
    np.testing.assert_allclose(seen.features[:, 1], 20 + 10 * np.arange(20), atol=4)
    assert seen.motion.shape == (100, N_FEATURES)
    assert encoder.batches == [16, 4]
    assert seen.ends_early_s is None


def test_needing_little_memory_changes_nothing_else(
    fade: PictureSegment, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, _ = see(fade)
    monkeypatch.setattr(seeing, "_IN_MEMORY_BYTES", 0)
    small, encoder = see(fade, small=True)
    assert isinstance(small.features, np.memmap)
    assert set(encoder.batches) == {1}
    np.testing.assert_array_equal(usual.features, small.features)


def test_a_picture_that_stands_still_is_encoded_once_a_batch(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "m.mp4", 2)
    seen, encoder = see(PictureSegment(str(path), 0.0, 8.0, time_scalar=0.0))
    assert seen.features.shape == (40, 3)
    assert sum(encoder.batches) == 3
    assert (seen.features == seen.features[0]).all()


def test_where_the_picture_ends_early_is_told(fade: PictureSegment) -> None:
    late = PictureSegment(fade.media, 3.0, 2.0)
    assert see(late)[0].ends_early_s == pytest.approx(1.04)
    gap_inside, _ = see(late, PictureSegment(fade.media, 0.0, 1.0))
    assert gap_inside.missing_s
    assert gap_inside.ends_early_s is None, "the picture comes back"


def test_only_motion_is_looked_for_without_an_encoder(fade: PictureSegment) -> None:
    seen = look([fade], None, quiet)
    assert len(seen.features) == 0
    assert len(seen.motion) == 100


def test_cancelling_is_heard_between_packets(fade: PictureSegment) -> None:
    calls = 0

    def report(stage: str, done: int, total: int | None) -> None:
        nonlocal calls
        calls += 1
        if calls == 30:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        look([fade], None, report)
    assert calls == 30


def test_a_picture_without_segments_is_refused() -> None:
    with pytest.raises(BadRequest):
        see()


def made_up(n: int) -> Seen:
    features = np.arange(n, dtype=np.float32)[:, None].repeat(32, axis=1)
    return Seen(Fraction(n, 5), Fraction(5), features, np.zeros((0, 0), np.float32), (), ())


def test_windows_cut_features_at_their_seconds_and_repeat_the_last() -> None:
    config = preset("tiny")
    window = features_of(made_up(120), config, Fraction(8), 500)
    assert list(window[:, 0]) == list(range(40, 90))
    end = features_of(made_up(60), config, Fraction(8), 500)
    assert list(end[:, 0]) == [*range(40, 60), *[59] * 30]
    assert len(features_of(made_up(3), config, Fraction(0), 50)) == 5


def test_a_caption_speaks_of_the_whole_picture() -> None:
    config = preset("tiny")
    assert len(summary_of(made_up(20), config)) == 20
    long = summary_of(made_up(500), config)
    assert long.shape == (50, 32)
    assert long[0, 0] == pytest.approx(4.5)
    assert long[-1, 0] == pytest.approx(494.5)
