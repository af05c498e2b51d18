"""``vatt train``: train a part of a model, in a process of its own.

The work, and torch with it, is the engine's (``vatt_engine.training``); this side declares the
words and passes them on. Ctrl-C ends a run after the step at hand, with its state saved.
"""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path
from typing import Any

from vatt_plugin import product

# What `vatt_engine.training` knows (its KINDS): name -> (help, a config that ships).
_KINDS = {
    "codec": ("the codec: waveform to codes and back", "configs/codec-drawn.toml"),
    "lm": ("the small LM, on caption text alone", "configs/lm.toml"),
    "converter": ("the converter: the LM learns to see", "configs/converter.toml"),
    "audio": ("the audio model, on the converter's states", "configs/audio.toml"),
    "spotter": ("the spotter: motion to the sync lane", "configs/spotter.toml"),
}


def add_parser(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        "train",
        help="train a part of a model",
        description="Trains a part of a model as a TOML config says. Log, curves, sounds and "
        "checkpoint go to the config's run.folder; --resume goes on from there exactly.",
    )
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    for name, (about, example) in _KINDS.items():
        kind = kinds.add_parser(name, help=about)
        kind.add_argument("config", type=Path, metavar="CONFIG", help=f"such as {example}")
        kind.add_argument("--resume", action="store_true", help="go on from the run's checkpoint")
        kind.add_argument(
            "--stop-after", type=float, metavar="SECONDS", help="save and end after this time"
        )
        kind.add_argument(
            "--out", type=Path, metavar="FOLDER", help="write the averaged weights here at the end"
        )
        if name == "codec":
            kind.add_argument(
                "--codebooks", type=int, metavar="K", help="write only the first K codebooks"
            )


def run(args: argparse.Namespace) -> int:
    """Hand the command to the engine's training program and wait for it."""
    words = [product.python(), "-m", "vatt_engine.training", args.kind, str(args.config)]
    words += ["--resume"] if args.resume else []
    words += ["--stop-after", str(args.stop_after)] if args.stop_after is not None else []
    words += ["--out", str(args.out)] if args.out else []
    if args.kind == "codec" and args.codebooks is not None:
        words += ["--codebooks", str(args.codebooks)]
    process = subprocess.Popen(words)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # The same signal has reached the child, which saves its state before it ends.
            continue
