"""CUDA graphs for the audio model: one launch a step instead of hundreds.

At batch 1 a step of the published net is a few milliseconds of arithmetic behind some hundred
kernel launches, so the launches are recorded once per shape and replayed. A graph reads and
writes fixed memory: inputs are copied in, the output is valid until the next step. Where
recording fails (an old driver, too little memory), steps simply run as they are.

Shapes are kept few: ``AudioModel.static_cond`` pads the condition to one length, and a shape is
recorded only when it comes up again, which for nets that take any length means in another
window, so that a length met once costs nothing.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from vatt_engine.nets.audio_model import AudioModel, Context

log = logging.getLogger(__name__)

Step = Callable[[Tensor, Context], Tensor]
Recorder = Callable[[Callable[[], Tensor]], tuple[Callable[[], None], Tensor]]

# Steps of a new shape that run as they are.
_EAGER_FIRST_FIXED, _EAGER_FIRST_ANY = 2, 24
_MAX_GRAPHS = 6


@dataclass
class _Recorded:
    """A recorded step with its fixed inputs and output."""

    codes: Tensor
    context: Context
    replay: Callable[[], None]
    out: Tensor
    filled_with: Context | None = None


class GraphedStep:
    """Runs ``step`` from recordings where it can; same results.

    Args:
        step: codes [B, K, T] and context -> head logits [B, K, T, V]; no synchronisation inside.
        record: records a call and returns (replay, its output); CUDA graphs by default.
        eager_first: steps of a new shape that run as they are.
    """

    def __init__(
        self, step: Step, record: Recorder | None = None, eager_first: int = _EAGER_FIRST_FIXED
    ) -> None:
        self._step = step
        self._eager_first = eager_first
        self._record = record or record_cuda_graph
        self._seen: dict[tuple[object, ...], int] = {}
        self._recorded: OrderedDict[tuple[object, ...], _Recorded] = OrderedDict()
        self._broken = False

    def __call__(self, codes: Tensor, context: Context) -> Tensor:
        """Head logits; overwritten by the next call."""
        # What was recorded in inference mode cannot be written to outside of it.
        if self._broken or not torch.is_inference_mode_enabled():
            return self._step(codes, context)
        key = _key(codes, context)
        self._seen[key] = self._seen.get(key, 0) + 1
        if self._seen[key] <= self._eager_first:
            return self._step(codes, context)
        recorded = self._recorded.get(key)
        if recorded is None:
            recorded = self._try_record(codes, context)
            if recorded is None:
                return self._step(codes, context)
            self._recorded[key] = recorded
            while len(self._recorded) > _MAX_GRAPHS:
                self._recorded.popitem(last=False)
        self._recorded.move_to_end(key)
        if recorded.filled_with is not context:
            _copy(context, recorded.context)
            recorded.filled_with = context
        recorded.codes.copy_(codes)
        recorded.replay()
        return recorded.out

    def release(self) -> None:
        """Let go of all recordings and their memory."""
        self._recorded.clear()
        self._seen.clear()

    def _try_record(self, codes: Tensor, context: Context) -> _Recorded | None:
        fixed_codes = codes.clone()
        fixed = Context(
            context.cond.clone(),
            None if context.keep is None else context.keep.clone(),
            _clone_bias(context.bias),
            context.audio.clone(),
            None if context.tints is None else context.tints.clone(),
        )
        try:
            replay, out = self._record(lambda: self._step(fixed_codes, fixed))
        except RuntimeError as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
            log.warning("steps are not recorded on this device: %s", error)
            self._broken = True
            return None
        return _Recorded(fixed_codes, fixed, replay, out)


def enable_graphs(net: AudioModel, n_cond: int, *, compiled: bool = False) -> GraphedStep:
    """Make ``net`` run its steps from recordings.

    Args:
        net: on a CUDA device.
        n_cond: longest condition; shorter ones are padded so that one recording serves all.
        compiled: let ``torch.compile`` fuse the step first (needs a C compiler; slow to start).
    """
    # A total length that divides by eight keeps the fused attention kernel on its fast path.
    window = net.config.window_code_frames
    net.static_cond = n_cond + -(n_cond + window) % 8
    step: Step = net.head_logits
    if compiled:
        step = torch.compile(net.head_logits, dynamic=False)
    fixed = net.config.fixed_window
    graphed = GraphedStep(step, None, _EAGER_FIRST_FIXED if fixed else _EAGER_FIRST_ANY)
    net.step = graphed
    return graphed


def record_cuda_graph(call: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
    """Record ``call`` as a CUDA graph, after warming it up beside the main stream."""
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(2):
            call()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        out = call()
    return graph.replay, out


def _key(codes: Tensor, context: Context) -> tuple[object, ...]:
    keep = None if context.keep is None else context.keep.shape
    return codes.shape, context.cond.shape, keep, context.bias.shape, context.audio.shape


def _copy(source: Context, target: Context) -> None:
    target.cond.copy_(source.cond)
    target.bias.copy_(source.bias)
    target.audio.copy_(source.audio)
    if source.keep is not None and target.keep is not None:
        target.keep.copy_(source.keep)
    if source.tints is not None and target.tints is not None:
        target.tints.copy_(source.tints)


def _clone_bias(bias: Tensor) -> Tensor:
    """A copy with the same strides: rows stay aligned for the attention kernel."""
    copy = torch.empty_strided(bias.shape, bias.stride(), dtype=bias.dtype, device=bias.device)
    return copy.copy_(bias)
