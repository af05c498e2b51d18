"""Draw the codes of takes: window after window, each continuing what is known so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vatt_engine.code_file import Codes
from vatt_engine.lanes import LANE_WIDTH, rasterise
from vatt_engine.messages import SyncLane
from vatt_engine.model_folder import Model
from vatt_engine.sampling import sample_codes
from vatt_engine.seeing import Seen, features_of
from vatt_engine.sound_config import SamplerConfig
from vatt_engine.windows import Window

Track = NDArray[np.float32]

_CONDITIONS_KEPT = 8  # all takes of a clip of usual length share them; an hour's worth is too much


@dataclass(frozen=True)
class _Condition:
    """States of one window [1, L, E] with their mask [1, L], and those of the negative prompt."""

    states: Tensor
    mask: Tensor
    negative: Tensor | None
    negative_mask: Tensor | None


class TakeMaker:
    """Makes takes of one cue: the same picture and words, other seeds."""

    def __init__(
        self,
        model: Model,
        seen: Seen,
        n_frames: int,
        *,
        prompt: str | None,
        negative: str | None,
        lane: SyncLane | None,
        sampler: SamplerConfig,
    ) -> None:
        """Compute nothing yet.

        Args:
            model: ready to run.
            seen: the picture.
            n_frames: T, code frames of the cue.
            prompt: what should be heard; None for whatever the picture suggests.
            negative: what should not be heard.
            lane: when it hits; None, or a model that hears no lane, for none.
            sampler: steps, guidance, temperatures.
        """
        self._model, self._seen, self._n_frames = model, seen, n_frames
        self._prompt, self._negative, self._sampler = prompt, negative, sampler
        codec = model.config.codec
        self._frame_rate = Fraction(codec.sample_rate, codec.hop_length)
        self._track = None if lane is None else self._rasterised([lane])
        self._conditions: dict[Window, _Condition] = {}

    def make(
        self,
        windows: Sequence[Window],
        seeds: Sequence[int],
        known: Codes | None,
        on_step: Callable[[int, int], None],
        lanes: Sequence[SyncLane] | None = None,
    ) -> list[Codes]:
        """Codes [K, T] for each seed.

        Args:
            windows: in the order to run them, see ``windows.plan``.
            seeds: one take each; a take's randomness comes from its own seed alone.
            known: codes [K, T] that stay outside the windows' new frames; None for none.
            on_step: called with (steps done, of how many); may raise to stop.
            lanes: one for each seed, instead of the one lane of all takes.
        """
        config = self._model.config.audio
        B, K, T = len(seeds), config.n_codebooks, self._n_frames
        codes = np.zeros((B, K, T), np.int64)
        is_known = np.zeros(T, bool)
        if known is not None:
            codes[:] = known
            is_known[:] = True
        for w in windows:
            is_known[w.new_from : w.new_to] = False
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        track = self._track if lanes is None else self._rasterised(lanes)
        steps = self._sampler.steps
        for i, window in enumerate(windows):
            drawn = self._draw(
                window,
                codes,
                is_known,
                generators,
                track,
                lambda done, _, i=i: on_step(i * steps + done, len(windows) * steps),  # type: ignore[misc]
            )
            span = slice(window.new_from - window.start, window.new_to - window.start)
            codes[:, :, window.new_from : window.new_to] = drawn[:, :, span]
            is_known[window.new_from : window.new_to] = True
        return [c.astype(np.int32) for c in codes]

    def _draw(
        self,
        window: Window,
        codes: np.ndarray[tuple[int, int, int], np.dtype[np.int64]],
        is_known: np.ndarray[tuple[int], np.dtype[np.bool_]],
        generators: list[torch.Generator],
        track: Track | None,
        on_step: Callable[[int, int], None],
    ) -> np.ndarray[tuple[int, int, int], np.dtype[np.int64]]:
        """Codes of one window [B, K, length]."""
        device = self._model.device
        B, K, _ = codes.shape
        inside = slice(window.start, window.start + window.length)
        held_codes = np.zeros((B, K, window.length), np.int64)
        held = np.zeros((B, K, window.length), bool)
        n = codes[:, :, inside].shape[2]  # a window may reach beyond the cue
        held_codes[:, :, :n] = codes[:, :, inside]
        held[:, :, :n] = is_known[inside]
        condition = self._condition(window)
        some = bool(held.any())
        drawn = sample_codes(
            self._model.audio,
            condition.states.expand(B, -1, -1),
            condition.mask.expand(B, -1),
            generators=generators,
            n_frames=window.length,
            lane=None if track is None else self._lane_of(track, window, B),
            held_codes=torch.from_numpy(held_codes).to(device) if some else None,
            held=torch.from_numpy(held).to(device) if some else None,
            negative=None if condition.negative is None else condition.negative.expand(B, -1, -1),
            negative_mask=(
                None if condition.negative_mask is None else condition.negative_mask.expand(B, -1)
            ),
            sampler=self._sampler,
            on_step=on_step,
        )
        return drawn.cpu().numpy()

    def _condition(self, window: Window) -> _Condition:
        kept = self._conditions.get(window)
        if kept is not None:
            return kept
        start_s = window.start / self._frame_rate
        features = features_of(self._seen, self._model.config, start_s, window.length)
        video = torch.from_numpy(features)[None].to(self._model.device)
        converter = self._model.converter
        with torch.inference_mode():
            states, mask = converter.states(video, [self._prompt])
            negative, negative_mask = None, None
            if self._negative is not None:
                # Without the picture, or guidance would lead away from what the picture shows.
                blank = torch.zeros_like(video)
                negative, negative_mask = converter.states(blank, [self._negative])
        condition = _Condition(states, mask, negative, negative_mask)
        if len(self._conditions) < _CONDITIONS_KEPT:
            self._conditions[window] = condition
        return condition

    def _rasterised(self, lanes: Sequence[SyncLane]) -> Track | None:
        """Lanes [B, T, 2]; None for a model that hears none."""
        if self._model.config.audio.lane_width != LANE_WIDTH:
            return None
        rate = float(self._frame_rate)
        return np.stack([rasterise(lane, self._n_frames, rate) for lane in lanes])

    def _lane_of(self, track: Track, window: Window, batch: int) -> Tensor:
        """Lanes of a window [B, length, 2]; silent where it reaches beyond the cue."""
        lanes = np.zeros((len(track), window.length, LANE_WIDTH), np.float32)
        part = track[:, window.start : window.start + window.length]
        lanes[:, : part.shape[1]] = part
        return torch.from_numpy(lanes).expand(batch, -1, -1).to(self._model.device)
