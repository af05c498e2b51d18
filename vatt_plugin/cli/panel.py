"""``vatt panel``: the PyQt6 panel, in a process of its own."""

from __future__ import annotations

import argparse
import subprocess
from typing import Any

from vatt_engine.errors import VattError
from vatt_plugin import product
from vatt_plugin.errors import BrokenInstall


def add_parser(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser("panel", help="open the panel")
    parser.add_argument("input", metavar="INPUT", nargs="?", help="timeline or video file to open")


def run(args: argparse.Namespace) -> int:
    """Start the panel and wait for it; its exit code is ours."""
    command = product.command("panel", *([args.input] if args.input else []))
    try:
        return subprocess.run(command, env=product.clean_environment(), check=False).returncode
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        problem: VattError = BrokenInstall(
            f"The panel cannot be started: {error}.",
            f"Install the product again, or unset {product.PYTHON_VARIABLE}.",
        )
        raise problem from error
