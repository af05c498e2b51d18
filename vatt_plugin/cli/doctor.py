"""``vatt doctor``: what this machine has, and what it lacks, with remedies.

Made for the day when something does not work: every question is asked on its own, and one that
has no answer says why instead of stopping the others.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

from vatt_engine.errors import VattError
from vatt_engine.messages import Doctor, ListModels
from vatt_engine.version import engine_version
from vatt_plugin.cli.console import ask, engine, plain, print_json
from vatt_plugin.cli.main import DONE, FAILED

PACKAGES = ("numpy", "av", "soundfile", "opentimelineio", "PyQt6", "sounddevice")
DECODERS = ("h264", "hevc", "prores", "dnxhd", "mjpeg", "av1", "vp9", "mpeg2video")
ENCODERS = ("libx264", "aac")


@dataclass
class Finding:
    """One answer: ``ok`` False needs doing something about, None is worth knowing only."""

    topic: str
    ok: bool | None
    text: str
    remedy: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def add_parser(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        "doctor", help="what this machine has: device, memory, codecs, audio out, models"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Look at everything; 0 when Foley can be made here, 1 when not."""
    findings = [_program(), _packages(), _disk(), *_ask_engine(), _codecs(), _audio_out()]
    healthy = all(finding.ok is not False for finding in findings)
    if args.json:
        print_json({"ok": healthy, "findings": [vars(finding) for finding in findings]})
    else:
        for finding in findings:
            mark = {True: "ok  ", False: "FAIL", None: "note"}[finding.ok]
            print(f"{mark}  {finding.topic:10} {plain(finding.text, 1000)}")
            if finding.remedy:
                print(f"                 {plain(finding.remedy, 1000)}")
    return DONE if healthy else FAILED


def _program() -> Finding:
    text = f"vatt {engine_version()}, Python {platform.python_version()}, {platform.platform()}"
    return Finding("program", True, text, facts={"python": sys.executable})


def _packages() -> Finding:
    found: dict[str, str] = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "missing"
    missing = [name for name, version in found.items() if version == "missing"]
    remedy = f"Install again: {sys.executable} -m pip install vatt-plugin" if missing else ""
    text = ", ".join(f"{name} {version}" for name, version in found.items())
    return Finding("packages", not missing, text, remedy, {"versions": found})


def _disk() -> Finding:
    import tempfile

    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    enough = free > 1 << 30
    return Finding(
        "disk",
        enough or None,
        f"{free / 1e9:.1f} GB free for temporary files in {folder}",
        "" if enough else "Free some space, or set TMPDIR to a larger disk.",
        {"free_bytes": free},
    )


def _ask_engine() -> list[Finding]:
    """Models from the front of the engine, devices from the process that owns torch."""
    findings: list[Finding] = []
    try:
        with engine() as process:
            findings.append(_tell("models", lambda: _models(ask(process, ListModels()))))
            findings.append(_tell("engine", lambda: _device(ask(process, Doctor()))))
    except VattError as error:
        findings.append(Finding("engine", False, error.message, error.hint))
    return findings


def _tell(topic: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except VattError as error:
        return Finding(topic, False, error.message, error.hint, {"code": error.code})


def _models(result: dict[str, Any]) -> Finding:
    models: list[dict[str, Any]] = result["models"]
    good = [m for m in models if "error" not in m]
    damaged = [str(m["name"]) for m in models if "error" in m]
    names = ", ".join(f"{m['name']}{'' if m.get('trained') else ' (untrained)'}" for m in good)
    remedy = f"Damaged: {', '.join(damaged)}. Fetch or import again." if damaged else ""
    return Finding("models", bool(good) and not damaged, names or "none", remedy, result)


def _device(result: dict[str, Any]) -> Finding:
    devices: list[dict[str, Any]] = result.get("devices", [])
    names = [
        f"{d['id']} ({d.get('name', '')}, {d.get('memory_bytes', 0) / 1e9:.1f} GB)" for d in devices
    ]
    versions = ", ".join(f"{k} {v}" for k, v in result.get("versions", {}).items())
    return Finding("engine", True, f"{'; '.join(names)}; {versions}", facts=result)


def _codecs() -> Finding:
    try:
        import av
    except ImportError as error:
        return Finding(
            "codecs", False, f"PyAV cannot be loaded: {error}.", "Install again: pip install av"
        )

    def has(name: str, mode: Any) -> bool:
        try:
            av.Codec(name, mode)
        except ValueError:  # PyAV's UnknownCodecError is one
            return False
        return True

    missing = [name for name in DECODERS if not has(name, "r")]
    missing += [f"{name} (for previews)" for name in ENCODERS if not has(name, "w")]
    text = f"PyAV {av.__version__} reads {', '.join(n for n in DECODERS if n not in missing)}"
    if missing:
        text += f"; lacks {', '.join(missing)}"
    return Finding("codecs", None if missing else True, text, facts={"missing": missing})


def _audio_out() -> Finding:
    try:
        import sounddevice
    except (ImportError, OSError) as error:  # OSError: there is no PortAudio library
        remedy = "On Debian: apt install libportaudio2. Without it the panel plays silently."
        return Finding("audio out", None, f"No sound output: {error}.", remedy)
    try:
        device = sounddevice.query_devices(kind="output")
    except (sounddevice.PortAudioError, ValueError) as error:
        text = f"No audio device: {plain(str(error))}."
        return Finding("audio out", None, text, "The panel plays silently.")
    return Finding("audio out", True, str(device["name"]))
