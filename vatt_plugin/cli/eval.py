"""``vatt eval``: measure a model, or what people said about it, in a process of its own.

The work, and torch with it, is the engine's (``vatt_engine.evaluation``); this side declares the
words and passes them on.
"""

from __future__ import annotations

import argparse
import subprocess
from typing import Any

from vatt_plugin import product

_OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("--report", {"metavar": "OUT.html", "help": "figures, plots and players in one file"}),
    ("--out", {"metavar": "DIR", "help": "keep takes and results.json here"}),
    ("--against", {"metavar": "MODEL|RESULTS.json", "help": "compare with another evaluation"}),
    ("--takes", {"type": int, "metavar": "N", "help": "takes a film without a prompt (default 2)"}),
    ("--limit", {"type": int, "metavar": "N", "help": "only so many films, spread over the set"}),
    ("--only", {"metavar": "A,B", "help": "of picture, asked, swapped, paraphrased; or none"}),
    ("--seed", {"type": int, "metavar": "S", "help": "default 0"}),
    ("--steps", {"type": int, "metavar": "N", "help": "sampling steps"}),
    ("--cfg", {"type": float, "metavar": "X", "help": "guidance"}),
    ("--sync", {"choices": ("auto", "off"), "help": "off: moments made up from the words"}),
    ("--device", {"metavar": "D", "help": "auto, cpu, cuda, cuda:N or mps"}),
    ("--evaluators", {"metavar": "DIR", "help": "published evaluators of your own"}),
    ("--probe", {"metavar": "FILE", "help": "another category probe"}),
    ("--rating-page", {"metavar": "OUT.html", "help": "write a blinded listening test"}),
    ("--pairs", {"type": int, "metavar": "N", "help": "pairs of takes on it (default 20)"}),
    ("--captions", {"type": int, "metavar": "N", "help": "captions on it (default 20)"}),
    ("--ratings", {"nargs": "+", "metavar": "FILE.csv", "help": "what people answered"}),
    ("--key", {"metavar": "FILE.json", "help": "the listening test's key"}),
    ("--results", {"nargs": "+", "metavar": "FILE.json", "help": "figures to hold against them"}),
)


def add_parser(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        "eval",
        help="measure a model",
        description="Measures a model on films whose sound moments are known.",
        epilog="SET is a folder with set.jsonl, that file, a definition (.json), or `heldout`. "
        "MODEL may be baseline:exact, coded, late, shuffled, silent or noise, whose figures bound "
        "all others.",
    )
    parser.add_argument("model", nargs="?", metavar="MODEL")
    parser.add_argument("set", nargs="?", metavar="SET")
    parser.add_argument("--json", action="store_true", help="print JSON, one event a line")
    for flag, options in _OPTIONS:
        parser.add_argument(flag, **options)


def run(args: argparse.Namespace) -> int:
    """Hand the command to the engine's evaluation program and wait for it."""
    command = [product.python(), "-m", "vatt_engine.evaluation", *_words(args)]
    try:
        return subprocess.run(command, check=False).returncode
    except KeyboardInterrupt:
        return 130  # the child got the same signal and has stopped by itself


def _words(args: argparse.Namespace) -> list[str]:
    words = [word for word in (args.model, args.set) if word]
    for flag, _ in _OPTIONS:
        value = getattr(args, flag[2:].replace("-", "_"))
        if value is None:
            continue
        words += [flag, *(map(str, value) if isinstance(value, list) else (str(value),))]
    return [*words, "--json"] if args.json else words
