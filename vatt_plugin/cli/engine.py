"""``vatt engine serve``: the engine process, for hosts and for looking at the wire by hand."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from typing import Any

from vatt_plugin import product


def add_parser(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser("engine", help="run the engine process by hand")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("serve", help="JSON lines: requests on stdin, events on stdout")


def run(args: argparse.Namespace) -> int:
    """Become the engine, so that whoever started us talks to it and to nobody else."""
    del args
    command = product.command("engine")
    if os.name != "posix":
        return subprocess.run(command, env=product.clean_environment(), check=False).returncode
    sys.stdout.flush()
    os.execve(command[0], command, product.clean_environment())
