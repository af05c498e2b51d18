"""``python -m vatt_engine.training codec CONFIG [--resume] [--stop-after SECONDS] [--out FOLDER]``.

``vatt train`` starts this as a process of its own. Ctrl-C, or a SIGTERM, ends the run after the
step at hand, with its state saved: exit code 130. Exit codes otherwise: 0 done, 1 failed, 2 usage.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from vatt_engine.errors import VattError


def get_parser() -> argparse.ArgumentParser:
    """The command line of a training process."""
    parser = argparse.ArgumentParser(prog="vatt train", description="Train a part of a model.")
    kinds = parser.add_subparsers(dest="kind", required=True)
    codec = kinds.add_parser("codec", help="the codec: waveform to codes and back")
    codec.add_argument("config", type=Path, help="TOML file, such as configs/codec-cpu.toml")
    codec.add_argument("--resume", action="store_true", help="go on from the run's checkpoint")
    codec.add_argument(
        "--stop-after", type=float, metavar="SECONDS", help="save and end after this time"
    )
    codec.add_argument(
        "--out", type=Path, metavar="FOLDER", help="write the averaged weights here at the end"
    )
    codec.add_argument(
        "--codebooks", type=int, metavar="K", help="write only the first K codebooks"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one training; returns the exit code."""
    args = get_parser().parse_args(argv)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr
    )
    try:
        return _train_codec(args)
    except VattError as err:
        sys.stderr.write(f"{err}\n")
        return 1


def _train_codec(args: argparse.Namespace) -> int:
    from vatt_engine.training.codec import CodecTrainer
    from vatt_engine.training.codec_config import read_codec_training

    deadline = time.monotonic() + args.stop_after if args.stop_after else float("inf")
    asked = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: asked.append(received))
    trainer = CodecTrainer(read_codec_training(args.config))
    if args.resume:
        trainer.resume()
    elif trainer.checkpoint_path.exists():
        sys.stderr.write(
            f"{trainer.checkpoint_path} exists. Pass --resume to go on from it, or give the "
            "config another run.folder.\n"
        )
        return 1
    done = trainer.run(stop=lambda: bool(asked) or time.monotonic() > deadline)
    if args.out:
        trainer.export(args.out, args.codebooks)
    return 130 if asked and not done else 0


if __name__ == "__main__":
    sys.exit(main())
