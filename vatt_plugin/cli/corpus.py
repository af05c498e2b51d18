"""``vatt corpus``: build, check, list and report the sounds a model is made from.

The work is the engine's and runs in its own process; this side only finds the folders and passes
the words on.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

DEFAULT_CORPUS = Path("runs") / "corpus"
DEFAULT_FOLEY = Path("..") / "shared" / "corpus"


def add_parser(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser("corpus", help="build and check the training sounds")
    commands = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    build = commands.add_parser(
        "build",
        help="fetch the named packages, keep what the licences allow, make clips and captions",
        description="Downloads about 4 GB of Debian packages by apt-get download (no root, nothing "
        "is installed), keeps about 300 MB. A second run does only what is missing.",
    )
    _add_folder(build)
    build.add_argument(
        "--foley",
        type=Path,
        metavar="DIR",
        help=f"folder of collected Foley clips (default {DEFAULT_FOLEY}, where it is there)",
    )
    build.add_argument(
        "--packages",
        type=Path,
        metavar="DIR",
        help="folder of .deb files (default CORPUS/packages)",
    )
    build.add_argument("--keep-packages", action="store_true", help="leave the .deb files there")
    build.add_argument("--only", nargs="+", metavar="PACKAGE", help="these packages only")
    build.add_argument(
        "--jobs",
        type=int,
        default=min(4, os.cpu_count() or 1),
        help="processes (default %(default)s)",
    )

    _add_folder(commands.add_parser("check", help="verify files, licences, credits and the split"))
    _add_folder(commands.add_parser("list", help="hours by category, licence and split"))

    report = commands.add_parser("report", help="one HTML page: players, spectrograms, verdicts")
    _add_folder(report)
    report.add_argument("-o", "--output", type=Path, default=Path("corpus-report.html"))
    report.add_argument("--only", nargs="+", metavar="CATEGORY", help="these categories only")

    pack = commands.add_parser("pack", help="a small copy that travels (Ogg Opus, one index)")
    _add_folder(pack)
    pack.add_argument("target", type=Path, metavar="TARGET", help="a new folder")
    pack.add_argument("--max-mib", type=float, default=48.0, help="size (default %(default)s)")

    unpack = commands.add_parser("unpack", help="a packed copy back into a corpus folder")
    unpack.add_argument("target", type=Path, metavar="PACKED")
    _add_folder(unpack)

    for command in commands.choices.values():
        command.add_argument("--json", action="store_true", help="print JSON, one event a line")


def run(args: argparse.Namespace) -> int:
    """Hand the command to the engine's corpus program and wait for it."""
    command = [sys.executable, "-m", "vatt_engine.corpus", *_words(args)]
    try:
        return subprocess.run(command, check=False).returncode
    except KeyboardInterrupt:
        # The child got the same signal and has stopped by itself.
        return 130


def _words(args: argparse.Namespace) -> list[str]:
    corpus: Path = args.corpus
    words = [str(args.action)]
    if args.action == "build":
        foley = args.foley or (DEFAULT_FOLEY if DEFAULT_FOLEY.is_dir() else None)
        words += [str(corpus), "--jobs", str(args.jobs)]
        words += ["--foley", str(foley)] if foley else []
        words += ["--packages", str(args.packages)] if args.packages else []
        words += ["--keep-packages"] if args.keep_packages else []
        words += ["--only", *args.only] if args.only else []
    elif args.action == "report":
        # Before anything is built the report still shows what can be synthesised.
        words += [str(corpus)] if (corpus / "summary.json").is_file() else []
        words += ["--html", str(args.output)]
        words += ["--only", *args.only] if args.only else []
    elif args.action == "pack":
        words += [str(corpus), str(args.target), "--max-mib", str(args.max_mib)]
    elif args.action == "unpack":
        words += [str(args.target), str(corpus)]
    else:
        words += [str(corpus)]
    return [*words, "--json"] if args.json else words


def _add_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--corpus",
        type=Path,
        default=DEFAULT_CORPUS,
        metavar="DIR",
        help="the corpus folder (default %(default)s)",
    )
