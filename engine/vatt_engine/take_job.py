"""A ``Generate`` request, checked and completed: which code frames to make, and how."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, floor, isfinite
from pathlib import Path
from typing import Self

from vatt_engine.code_file import CodeFile, Codes, read_code_file
from vatt_engine.errors import BadModelFolder, BadRequest
from vatt_engine.media.picture import exact
from vatt_engine.messages import Generate
from vatt_engine.model_folder import Model
from vatt_engine.rendering import Renderer
from vatt_engine.sound_config import SamplerConfig

_MAX_TAKES = 100
_SAMPLE_RATES = (8_000, 192_000)


@dataclass(frozen=True)
class TakeJob:
    """A checked ``Generate`` request.

    Attributes:
        held: the earlier take whose span is made anew, or None.
        n_frames: code frames of the cue.
        begin: first code frame to make.
        end: one past the last.
    """

    request: Generate
    renderer: Renderer
    sampler: SamplerConfig
    held: CodeFile | None
    n_frames: int
    begin: int
    end: int
    model_hash: str

    @classmethod
    def of(cls, request: Generate, renderer: Renderer, model: Model) -> Self:
        """Check a request.

        Raises:
            BadRequest: what is wrong, and what is allowed.
        """
        low, high = _SAMPLE_RATES
        _require(low <= request.sample_rate <= high, f"sample_rate {request.sample_rate} Hz")
        _require(request.n_samples > 0, f"n_samples {request.n_samples}")
        _require(1 <= request.takes <= _MAX_TAKES, f"takes {request.takes}; 1 to {_MAX_TAKES}")
        _require(0 <= request.seed < 1 << 62, f"seed {request.seed}; 0 to 2**62")
        _require(request.sync in ("auto", "off", "lane"), f"sync {request.sync!r}; auto, off, lane")
        _require(request.sync != "lane" or request.lane is not None, "sync 'lane' without a lane")
        _require(Path(request.scratch).is_dir(), f"scratch {request.scratch!r}: no such folder")
        n_frames = renderer.n_frames(request.n_samples)
        held, begin, end = None, 0, n_frames
        if request.held is not None:
            held = read_code_file(Path(request.held.codes_path))
            _check_held(held, request, n_frames, model)
            begin, end = _span(request.held.start_s, request.held.end_s, renderer, n_frames)
        sampler = _sampler(model.config.sampler, request)
        return cls(request, renderer, sampler, held, n_frames, begin, end, model.model_hash)

    def code_file(self, codes: Codes, made_up: tuple[str, int] | None = None) -> CodeFile:
        """What is stored for a take with these codes [K, T].

        Args:
            codes: of the whole take.
            made_up: what its moments were made up from; of a span, the earlier take tells.
        """
        if self.held is not None:
            return self.held.patched(self.renderer.patch(codes, self.begin, self.end))
        request = self.request
        return CodeFile(codes, (), request.n_samples, request.sample_rate, self.model_hash, made_up)


def _require(good: bool, what: str) -> None:
    if not good:
        raise BadRequest(f"A generate request asks for what cannot be: {what}.")


def _check_held(held: CodeFile, request: Generate, n_frames: int, model: Model) -> None:
    hint = "Generate a whole new take instead of a span."
    if held.model_hash != model.model_hash:
        raise BadRequest("The earlier take was made by another model.", hint)
    if (held.n_samples, held.sample_rate) != (request.n_samples, request.sample_rate):
        raise BadRequest(
            f"The earlier take is {held.n_samples} samples long at {held.sample_rate} Hz, the clip"
            f" {request.n_samples} at {request.sample_rate} Hz.",
            hint,
        )
    audio = model.config.audio
    shape_fits = held.codes.shape == (audio.n_codebooks, n_frames)
    parts = [held.codes, *(patch.codes for patch in held.patches)]
    if not shape_fits or any(p.min() < 0 or p.max() >= audio.codebook_size for p in parts):
        raise BadRequest("The earlier take's codes are damaged.", hint)


def _span(start_s: float, end_s: float, renderer: Renderer, n_frames: int) -> tuple[int, int]:
    """Code frames that a span touches."""
    _require(isfinite(start_s) and isfinite(end_s), "a span that is not finite")
    begin = max(0, floor(exact(start_s) * renderer.frame_rate))
    end = min(n_frames, ceil(exact(end_s) * renderer.frame_rate))
    _require(begin < end, f"a span from {start_s} s to {end_s} s, which holds nothing of the take")
    return begin, end


def _sampler(default: SamplerConfig, request: Generate) -> SamplerConfig:
    """The model's sampler with what the request changes."""
    try:
        return replace(
            default,
            steps=default.steps if request.steps is None else request.steps,
            cfg=default.cfg if request.cfg is None else request.cfg,
        )
    except BadModelFolder as error:
        raise BadRequest(error.message) from None
