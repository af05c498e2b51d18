"""Entry point of ``vatt``: finds the subcommand, runs it, turns errors into exit codes.

Imports nothing but the standard library until it knows which subcommand is meant, so that
``vatt --help`` answers at once.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vatt_plugin.cli.usage import Parser

DONE, FAILED, USAGE, PARTLY, CANCELLED = 0, 1, 2, 3, 130

COMMANDS = (
    ("generate", "make Foley for every clip and write it back as new audio tracks"),
    ("caption", "say what each clip should sound like"),
    ("spot", "find the moments where something hits (the spotting list)"),
    ("cues", "list what would get sound; export it as a spotting list or as markers"),
    ("conform", "carry the takes over to a re-cut timeline"),
    ("remake", "make takes again from their recipes, and say whether they are the same"),
    ("rework", "another take for a clip: other words or hits, or only a span made anew"),
    ("export", "the takes of a cut as WAVs with timecode, and a cue sheet"),
    ("panel", "open the panel"),
    ("models", "list and describe installed models"),
    ("train", "train a part of a model"),
    ("corpus", "build and check the training sounds"),
    ("eval", "measure a model"),
    ("bench", "time every stage on this machine"),
    ("engine", "run the engine process by hand"),
    ("doctor", "what this machine has: device, memory, codecs, audio out, models"),
)
"""Name and help of every subcommand; one whose module is not there is not offered."""


def get_parser(command: str | None = None) -> argparse.ArgumentParser:
    """The parser, complete for ``command`` and with names and help alone for the others."""
    parser = Parser(
        prog="vatt",
        description="Synchronised Foley on an editing timeline, made on your own machine.",
        epilog="Exit codes: 0 done, 1 failed, 2 usage, 3 done but some clips were skipped or "
        "failed, 130 cancelled. `vatt COMMAND --help` tells more.",
    )
    parser.add_argument("--version", action="store_true", help="print the version")
    parser.add_argument("--debug", action="store_true", help="show tracebacks instead of messages")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    here = Path(__file__).parent
    for name, text in COMMANDS:
        if not (here / f"{name}.py").is_file():
            continue
        if name == command:
            _module(name).add_parser(subparsers)
        else:
            subparsers.add_parser(name, help=text, add_help=False)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``vatt``; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    names = {name for name, _ in COMMANDS}
    command = next((word for word in words if not word.startswith("-")), None)
    parser = get_parser(command if command in names else None)
    args = parser.parse_args(words)
    if args.version:
        from vatt_engine.version import engine_version

        print(f"vatt {engine_version()}")
        return DONE
    if args.command is None:
        parser.print_help()
        return USAGE
    return _run(args)


def _module(name: str) -> Any:
    return importlib.import_module(f"vatt_plugin.cli.{name}")


def _run(args: argparse.Namespace) -> int:
    from vatt_engine.errors import VattError
    from vatt_plugin.cli.console import print_error
    from vatt_plugin.errors import UsageError

    try:
        code = int(_module(args.command).run(args))
        sys.stdout.flush()
        return code
    except UsageError as error:
        print_error(error, json_events=False)
        return USAGE
    except VattError as error:
        if args.debug:
            raise
        print_error(error, json_events=getattr(args, "json", False))
        return FAILED
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            return _nobody_reads()
        if args.debug:
            raise
        problem = VattError(f"The system refused: {error}.", "Check the path and its permissions.")
        print_error(problem, json_events=getattr(args, "json", False))
        return FAILED
    except KeyboardInterrupt:
        print("vatt: cancelled.", file=sys.stderr)
        return CANCELLED
    except Exception as error:
        if args.debug:
            raise
        problem = VattError(
            f"Unexpected {type(error).__name__}: {error}.",
            "This is a fault of ours: please report it with what `vatt --debug ...` prints.",
        )
        print_error(problem, json_events=getattr(args, "json", False))
        return FAILED


def _nobody_reads() -> int:
    """The reader of our output has gone (`vatt ... | head`); nothing is left to be said to it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
