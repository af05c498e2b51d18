"""Named errors of the engine; standard library only, so both sides of the wire can import it.

Every error a user can meet has a stable ``code``, a ``message`` (what happened and why) and a
``hint`` (what to do). They cross the process border as plain dictionaries and come back as the
same class, so panel and CLI show exactly what the engine said.
"""

from __future__ import annotations

import signal
from typing import ClassVar

DEVICE_FAILED = 70  # exit status of a worker whose GPU context is beyond repair


class VattError(Exception):
    """Base of every error we show to a user.

    Attributes:
        code: stable snake_case name, unique per class; scripts may rely on it.
        message: what happened, and why.
        hint: what the user can do about it; may be empty.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()

    def to_dict(self) -> dict[str, str]:
        """Plain form for the wire: ``{"code", "message", "hint"}``."""
        return {"code": self.code, "message": self.message, "hint": self.hint}


class EngineError(VattError):
    """Something failed inside the engine."""

    code = "engine_error"


class Cancelled(EngineError):
    """The job was cancelled by its owner; not a failure."""

    code = "cancelled"


class BadRequest(EngineError):
    """A request is malformed or asks for what the engine does not have."""

    code = "bad_request"


class ProtocolMismatch(EngineError):
    """Client and engine speak different protocol versions."""

    code = "protocol_mismatch"


class EngineUnavailable(EngineError):
    """The engine process cannot be started (missing Python, missing torch, broken install)."""

    code = "engine_unavailable"


class EngineLost(EngineError):
    """The engine process died or stopped answering in the middle of a job."""

    code = "engine_lost"


class OutOfMemory(EngineError):
    """The device has too little memory for this job, also after the retry at a smaller size."""

    code = "out_of_memory"


class DeviceUnavailable(EngineError):
    """The asked-for device does not exist on this machine."""

    code = "device_unavailable"


class UnknownModel(EngineError):
    """No model of this name or folder is installed."""

    code = "unknown_model"


class BadModelFolder(EngineError):
    """A model folder is incomplete, damaged, or made by a newer version."""

    code = "bad_model_folder"


class BadCheckpoint(EngineError):
    """Published files cannot be imported: one is missing, damaged, unsafe or does not fit."""

    code = "bad_checkpoint"


class PullFailed(EngineError):
    """Files of a published model could not be fetched."""

    code = "pull_failed"


class LicenceNotAccepted(EngineError):
    """Files were not fetched because their licence was not accepted."""

    code = "licence_not_accepted"


class MediaMissing(EngineError):
    """The media file of a clip is not there."""

    code = "media_missing"


class MediaUnreadable(EngineError):
    """The media file exists but no picture can be decoded from it."""

    code = "media_unreadable"


class MediaTooLarge(EngineError):
    """The picture is larger than the limits that keep memory bounded."""

    code = "media_too_large"


class NoVideoStream(EngineError):
    """The media file has no moving picture."""

    code = "no_video_stream"


class CannotWrite(EngineError):
    """A file could not be written (permission, disk full)."""

    code = "cannot_write"


def _family(root: type[VattError]) -> dict[str, type[VattError]]:
    found: dict[str, type[VattError]] = {}
    stack = [root]
    while stack:
        cls = stack.pop()
        found[cls.code] = cls
        stack.extend(cls.__subclasses__())
    return found


def error_from_dict(data: dict[str, object]) -> VattError:
    """Rebuild an error from its wire form; an unknown code becomes a plain ``EngineError``."""
    cls = _family(VattError).get(str(data.get("code", "")), EngineError)
    return cls(str(data.get("message", "unknown error")), str(data.get("hint", "")))


def describe_exit(status: int | None) -> str:
    """Words for a ``subprocess``-style return code; None when it is not known."""
    if status is None:
        return "it closed its connection"
    if status == DEVICE_FAILED:
        return "the compute device failed"
    if status >= 0:
        return f"exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    if name == "SIGKILL":
        return "killed by SIGKILL, as the system does when memory runs out"
    return f"killed by {name}"
