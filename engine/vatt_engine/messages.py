"""What clients and the engine process say to each other: requests and events.

Standard library only; ``vatt_plugin`` and ``vatt_ui`` import this module and nothing else of the
engine but ``errors`` and ``wire``, which turns messages into lines. Requests go in on the engine's
stdin, events come out on its stdout. Every job ends with exactly one of ``Finished``, ``Failed``,
``JobCancelled``. Audio and codes are handed over as files in the scratch folder that the request
names, written under a temporary name and renamed when whole.

Units: seconds (``_s``), hertz (``_hz``); ``n_samples`` counts samples at ``sample_rate``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

PROTOCOL_VERSION = 1


# --- parts shared by requests and events ---------------------------------------------------


@dataclass(frozen=True)
class ImageSequence:
    """A numbered image sequence: ``media`` is then a printf pattern such as ``/s/sh.%04d.png``."""

    first_number: int
    fps: float


@dataclass(frozen=True)
class PictureSegment:
    """A stretch of one media file as the audience sees it.

    Attributes:
        media: absolute path; empty string means black (a gap, offline media).
        start_s: where in the media file the first shown video frame lies, from the file's own
            first video frame (not its timecode).
        duration_s: how long it lasts *as played*.
        time_scalar: media seconds per played second; negative plays backwards, 0 freezes.
        sequence: set when ``media`` is an image sequence pattern.
    """

    media: str
    start_s: float
    duration_s: float
    time_scalar: float = 1.0
    sequence: ImageSequence | None = None


@dataclass(frozen=True)
class SyncLane:
    """When things hit and how busy the picture is, at ``rate_hz``.

    Attributes:
        hits: (time_s, strength 0..1) from the first sample of the cue, ascending.
        intensity: one value 0..1 per ``1 / rate_hz`` seconds; may be empty.
    """

    hits: tuple[tuple[float, float], ...] = ()
    intensity: tuple[float, ...] = ()
    rate_hz: float = 50.0


@dataclass(frozen=True)
class HeldTake:
    """An earlier take to keep except for one span (regenerate in..out).

    Attributes:
        codes_path: the ``.safetensors`` code file that came with that take.
        start_s: first second to make anew. Code frames wholly outside stay as they are.
        end_s: end of the span to make anew.
    """

    codes_path: str
    start_s: float
    end_s: float


# --- requests ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    """Base of all requests."""

    type: ClassVar[str] = ""


@dataclass(frozen=True)
class Hello(Request):
    """First line a client sends; answered by ``Ready`` or ``Failed`` (protocol_mismatch).

    Attributes:
        warm: load torch at once rather than at the first job that needs it.
    """

    type: ClassVar[str] = "hello"
    protocol: int = PROTOCOL_VERSION
    client: str = ""
    warm: bool = True


@dataclass(frozen=True)
class Generate(Request):
    """Make takes for one cue.

    Attributes:
        picture: segments that play one after the other, handles included.
        n_samples: length of every take in samples at ``sample_rate``; exact.
        prompt: the user's words; None lets the converter caption the picture first.
        captioned: ``prompt`` is what the converter said of this picture before, not the user's
            own words; then a picture in which nothing hits stays silent.
        negative: what must not be heard; empty for none.
        seed: take ``i`` uses ``seed + i``.
        steps: sampling steps; None takes the model's own default. ``cfg`` likewise.
        sync: ``auto`` (predicted lane), ``off``, or ``lane`` (use ``lane``). With ``off``, or where
            own words meet a picture in which nothing moves, a model that hears a lane gets one
            that is made up from the words.
        handle_s: seconds at either end that lie outside of the cue; what is made up and happens
            but once is put between them, and takes are measured and judged by what lies there.
        scratch: existing folder for the result files.
    """

    type: ClassVar[str] = "generate"
    job_id: str = ""
    model: str = ""
    device: str = "auto"
    picture: tuple[PictureSegment, ...] = ()
    n_samples: int = 0
    sample_rate: int = 48_000
    prompt: str | None = None
    captioned: bool = False
    negative: str = ""
    takes: int = 1
    seed: int = 0
    steps: int | None = None
    cfg: float | None = None
    sync: str = "auto"
    lane: SyncLane | None = None
    held: HeldTake | None = None
    handle_s: float = 0.0
    scratch: str = ""


@dataclass(frozen=True)
class Caption(Request):
    """Say what a cue should sound like, with ``n`` scored alternatives in all."""

    type: ClassVar[str] = "caption"
    job_id: str = ""
    model: str = ""
    device: str = "auto"
    picture: tuple[PictureSegment, ...] = ()
    n: int = 3
    seed: int = 0


@dataclass(frozen=True)
class Spot(Request):
    """Find the sync lane of a cue from its picture."""

    type: ClassVar[str] = "spot"
    job_id: str = ""
    model: str = ""
    device: str = "auto"
    picture: tuple[PictureSegment, ...] = ()


@dataclass(frozen=True)
class ListModels(Request):
    """Which models are installed; answered by ``Finished`` with ``result={"models": [...]}``."""

    type: ClassVar[str] = "models"
    job_id: str = ""


@dataclass(frozen=True)
class ModelInfo(Request):
    """All that is known of one model; answered by ``Finished`` with the facts as ``result``."""

    type: ClassVar[str] = "model_info"
    job_id: str = ""
    model: str = ""


@dataclass(frozen=True)
class ImportModel(Request):
    """Turn published checkpoint files into a model folder; ``Finished.result`` tells what was done.

    Attributes:
        folder: holds the files, in any arrangement.
        name: of the new model, such as ``vatt-gemma-t``.
        checkpoint: the audio checkpoint to take if there are several; empty for the only one.
        probe: folder of clips that decide the code layout; empty for the published one.
        ignore_unknown: leave out unknown keys of the LLM instead of refusing the file.
        dry_run: check and report only.
        force: replace a model of that name.
    """

    type: ClassVar[str] = "import_model"
    job_id: str = ""
    folder: str = ""
    name: str = ""
    checkpoint: str = ""
    probe: str = ""
    ignore_unknown: bool = False
    dry_run: bool = False
    force: bool = False


@dataclass(frozen=True)
class PullModel(Request):
    """Fetch the files of a published model; ``Finished.result`` names them.

    Attributes:
        name: a published model.
        into: folder the files go to; empty for the platform's cache.
        accepted: licences the user has accepted, by the ids of the dry run.
        dry_run: only tell sources, sizes and licences.
    """

    type: ClassVar[str] = "pull_model"
    job_id: str = ""
    name: str = ""
    into: str = ""
    accepted: tuple[str, ...] = ()
    dry_run: bool = False


@dataclass(frozen=True)
class VerifyModel(Request):
    """Read every file of a model and compare it with ``model.json``."""

    type: ClassVar[str] = "verify_model"
    job_id: str = ""
    model: str = ""


@dataclass(frozen=True)
class Doctor(Request):
    """What this machine has for the engine: versions, devices, memory, codecs."""

    type: ClassVar[str] = "doctor"
    job_id: str = ""


@dataclass(frozen=True)
class Bench(Request):
    """Time every stage on a synthetic clip; ``Finished.result`` is the bench table."""

    type: ClassVar[str] = "bench"
    job_id: str = ""
    model: str = ""
    device: str = "auto"
    duration_s: float = 10.0
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Cancel(Request):
    """Cancel a running or queued job; unknown ids are ignored."""

    type: ClassVar[str] = "cancel"
    job_id: str = ""


@dataclass(frozen=True)
class Shutdown(Request):
    """Leave at once; running jobs are cancelled."""

    type: ClassVar[str] = "shutdown"


# --- events --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Event:
    """Base of all events."""

    type: ClassVar[str] = ""


@dataclass(frozen=True)
class Ready(Event):
    """Answer to ``Hello``: the front stands. Models load on first use."""

    type: ClassVar[str] = "ready"
    protocol: int = PROTOCOL_VERSION
    engine_version: str = ""
    pid: int = 0
    capabilities: tuple[str, ...] = ()


@dataclass(frozen=True)
class State(Event):
    """Life of the worker: ``starting``, ``ready``, ``busy``, ``restarting``, ``unavailable``."""

    type: ClassVar[str] = "state"
    state: str = ""
    detail: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Beat(Event):
    """Sent every second; five seconds of silence mean that the engine is lost."""

    type: ClassVar[str] = "beat"


@dataclass(frozen=True)
class Log(Event):
    """A line for the log: ``level`` is a name of the logging module.

    ``job_id`` tells of which job it is said, if of one; ``code`` what is amiss with its media:
    ``media_damaged`` or ``media_short``.
    """

    type: ClassVar[str] = "log"
    level: str = "INFO"
    message: str = ""
    job_id: str = ""
    code: str = ""


@dataclass(frozen=True)
class Started(Event):
    """A worker has begun the job on ``device``: what ``auto`` has become, ``+offload`` kept.

    Sent before the model is loaded, so that also a job short of memory has told where it ran.
    """

    type: ClassVar[str] = "started"
    job_id: str = ""
    device: str = ""


@dataclass(frozen=True)
class Progress(Event):
    """``done`` of ``total`` steps of ``stage``; an unknown total is None (a busy bar)."""

    type: ClassVar[str] = "progress"
    job_id: str = ""
    stage: str = ""
    done: int = 0
    total: int | None = None


@dataclass(frozen=True)
class CaptionReady(Event):
    """The converter's caption.

    ``score`` is its mean log-probability per text token or, where the model chooses among sounds it
    knows by name, the logarithm of its share of the vote; so it compares within one model alone.
    """

    type: ClassVar[str] = "caption"
    job_id: str = ""
    caption: str = ""
    score: float = 0.0
    alternatives: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class LaneReady(Event):
    """The sync lane found in the picture."""

    type: ClassVar[str] = "lane"
    job_id: str = ""
    lane: SyncLane = field(default_factory=SyncLane)


@dataclass(frozen=True)
class TakeReady(Event):
    """One take, whole, in the scratch folder.

    Attributes:
        wav_path: 32-bit float WAV, ``n_samples`` long at ``sample_rate``; not yet levelled.
        codes_path: the take's codes, for ``HeldTake``.
        sync: onset F1 against the picture's hits, None when the picture has none.
        lag_s: measured lag of sound behind picture, None when it cannot be told.
        prompt: the user's words, or the caption where there were none.
        heard: what the model was told: the prompt, and perhaps the name of a sound it knows behind
            it. It follows from prompt and model, so a recipe does without.
        figures: further measurements (peak_db, rms_db, n_onsets, ...), plain numbers. ``made_up``
            is 1 where the moments were made up from the words, ``made_up_hits`` tells how many
            there are. They follow from words, length, handles, seed and model, so a recipe does
            without them.
        moments: the lane that was made up so, to be shown; seconds from the first sample. None
            where the picture or the user says when, and for a lane too long for a message.
        model_hash: hash over the model's weights, for the recipe.
        precision: what its nets were computed in; behind a device (``cpu+float32``) it asks for
            the same again.
        threads: of the CPU that computed it, since sums are rounded by them; 0 on a GPU.
    """

    type: ClassVar[str] = "take"
    job_id: str = ""
    index: int = 0
    seed: int = 0
    wav_path: str = ""
    codes_path: str = ""
    wav_sha256: str = ""
    n_samples: int = 0
    sample_rate: int = 48_000
    channels: int = 1
    prompt: str = ""
    heard: str = ""
    sync: float | None = None
    lag_s: float | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    moments: SyncLane | None = None
    model: str = ""
    model_hash: str = ""
    engine_version: str = ""
    precision: str = ""
    threads: int = 0


@dataclass(frozen=True)
class Finished(Event):
    """The job is done. ``result`` carries what its request promises."""

    type: ClassVar[str] = "finished"
    job_id: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Failed(Event):
    """The job failed; an empty ``job_id`` concerns the engine as a whole."""

    type: ClassVar[str] = "failed"
    job_id: str = ""
    code: str = "engine_error"
    message: str = ""
    hint: str = ""


@dataclass(frozen=True)
class JobCancelled(Event):
    """The job ended because its owner cancelled it."""

    type: ClassVar[str] = "cancelled"
    job_id: str = ""


REQUESTS: dict[str, type[Request]] = {cls.type: cls for cls in Request.__subclasses__()}
EVENTS: dict[str, type[Event]] = {cls.type: cls for cls in Event.__subclasses__()}
