"""``python -m vatt_engine.training KIND CONFIG [--resume] [--stop-after SECONDS] [--out FOLDER]``.

``vatt train`` starts this as a process of its own. Ctrl-C, or a SIGTERM, ends the run after the
step at hand, with its state saved: exit code 130. Exit codes otherwise: 0 done, 1 failed, 2 usage.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vatt_engine.errors import VattError


class Trainer(Protocol):
    """What a kind of training is to this program."""

    @property
    def checkpoint_path(self) -> Path:
        """Where the run's state is kept."""

    def resume(self) -> None:
        """Go on from the run's checkpoint."""

    def run(self, stop: Callable[[], bool]) -> bool:
        """Train until done or told to stop, and save; returns whether it is done."""

    def export(self, folder: Path) -> None:
        """Write what was trained."""


@dataclass(frozen=True)
class Kind:
    """One kind of training.

    Attributes:
        help: one line for the command's help.
        example: a config that ships.
        open: makes the trainer; torch is imported there, so that usage errors come at once.
    """

    help: str
    example: str
    open: Callable[[argparse.Namespace], Trainer]


def _open_codec(args: argparse.Namespace) -> Trainer:
    from vatt_engine.training.codec import CodecTrainer
    from vatt_engine.training.codec_config import codec_kind, read_codec_training
    from vatt_engine.training.drawn import DrawnFitter, read_drawn_training

    if codec_kind(args.config) == "drawn":
        return DrawnFitter(read_drawn_training(args.config), n_kept=args.codebooks)
    return CodecTrainer(read_codec_training(args.config), n_kept=args.codebooks)


def _open_lm(args: argparse.Namespace) -> Trainer:
    from vatt_engine.training.lm import LmTrainer, read_lm_training

    return LmTrainer(read_lm_training(args.config))


def _open_converter(args: argparse.Namespace) -> Trainer:
    from vatt_engine.training.converter import ConverterTrainer, read_converter_training

    return ConverterTrainer(read_converter_training(args.config))


def _open_audio(args: argparse.Namespace) -> Trainer:
    from vatt_engine.training.audio import AudioTrainer
    from vatt_engine.training.audio_config import read_audio_training

    return AudioTrainer(read_audio_training(args.config))


def _open_spotter(args: argparse.Namespace) -> Trainer:
    from vatt_engine.training.spotter import SpotterTrainer
    from vatt_engine.training.spotter_config import read_spotter_training

    return SpotterTrainer(read_spotter_training(args.config))


KINDS: Mapping[str, Kind] = {
    "codec": Kind("the codec: waveform to codes and back", "configs/codec-drawn.toml", _open_codec),
    "lm": Kind("the small LM, on caption text alone", "configs/lm.toml", _open_lm),
    "converter": Kind(
        "the converter: the LM learns to see", "configs/converter.toml", _open_converter
    ),
    "audio": Kind("the audio model, on the converter's states", "configs/audio.toml", _open_audio),
    "spotter": Kind("the spotter: motion to the sync lane", "configs/spotter.toml", _open_spotter),
}
"""By name; the plugin's ``cli/train.py`` lists the same words."""


def get_parser() -> argparse.ArgumentParser:
    """The command line of a training process."""
    parser = argparse.ArgumentParser(prog="vatt train", description="Train a part of a model.")
    kinds = parser.add_subparsers(dest="kind", required=True)
    for name, kind in KINDS.items():
        own = kinds.add_parser(name, help=kind.help)
        own.add_argument("config", type=Path, help=f"TOML file, such as {kind.example}")
        own.add_argument("--resume", action="store_true", help="go on from the run's checkpoint")
        own.add_argument(
            "--stop-after", type=float, metavar="SECONDS", help="save and end after this time"
        )
        own.add_argument(
            "--out", type=Path, metavar="FOLDER", help="write the averaged weights here at the end"
        )
        if name == "codec":
            own.add_argument(
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
        return _train(args)
    except VattError as err:
        sys.stderr.write(f"{err}\n")
        return 1


def _train(args: argparse.Namespace) -> int:
    deadline = time.monotonic() + args.stop_after if args.stop_after else float("inf")
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: asked.append(received))
    trainer = KINDS[args.kind].open(args)
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
        trainer.export(args.out)
    return 130 if asked and not done else 0


if __name__ == "__main__":
    sys.exit(main())
