"""``vatt bench``: seconds per stage on this machine; a benchmark, never a test."""

from __future__ import annotations

import argparse
import json
import subprocess
from typing import Any

from vatt_engine.messages import Bench
from vatt_plugin import product
from vatt_plugin.cli.console import (
    Console,
    Interrupt,
    add_model_options,
    ask,
    choose_model,
    device_of,
    engine,
    print_json,
)
from vatt_plugin.errors import BrokenInstall, UsageError


def add_parser(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser("bench", help="time every stage on this machine")
    add_model_options(parser)
    parser.add_argument(
        "--duration", type=float, default=10.0, metavar="S", help="seconds of picture (default 10)"
    )
    parser.add_argument(
        "--size",
        choices=("model", "published"),
        default="model",
        help="an installed model, or nets of the published size with random weights",
    )
    parser.add_argument("--layers", type=int, metavar="N", help="published: only so many layers")
    parser.add_argument("--steps", type=int, metavar="N", help="sampling steps (the model's own)")
    parser.add_argument(
        "--batch", metavar="B,...", help="published: clips at once (CUDA: 1,16; elsewhere: 1)"
    )
    parser.add_argument(
        "--compile", action="store_true", help="published: fuse kernels by torch.compile"
    )
    parser.add_argument("--panel", action="store_true", help="measure the panel instead")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Time the stages and print the table."""
    console = Console(args.json)
    if args.panel:
        table = _panel()
        print_json(table) if args.json else _say(console, table)
        return 0
    with engine() as process, Interrupt() as interrupted:
        name = args.model or ""
        if args.size == "model":
            model = choose_model(process, args.model)
            name = args.model if args.model and model.get("folder") else model["name"]
        request = Bench(
            model=name, device=device_of(args), duration_s=args.duration, options=_options(args)
        )
        table = ask(process, request, stop=interrupted)
    if args.json:
        print_json(table)
        return 0
    _say(console, table)
    return 0


def _panel() -> dict[str, Any]:
    """The panel's own figures, measured in a process of its own: it needs Qt, we do not."""
    result = subprocess.run(
        product.command("panel", "--bench"),
        env=product.clean_environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    try:
        return dict(json.loads(result.stdout))
    except ValueError as error:
        raise BrokenInstall(
            "The panel could not be measured.", "Run `vatt panel` to see why."
        ) from error


def _options(args: argparse.Namespace) -> dict[str, Any]:
    """What ``Bench.options`` carries."""
    options: dict[str, Any] = {} if args.steps is None else {"steps": args.steps}
    if args.size == "published":
        try:
            batches = [int(n) for n in (args.batch or "").split(",") if n.strip()]
        except ValueError:
            raise UsageError(f"--batch takes whole numbers, not {args.batch!r}.") from None
        options |= {"size": "published", "layers": args.layers, "batches": batches}
        options["compiled"] = args.compile
    return options


def _say(console: Console, table: dict[str, Any], before: str = "") -> None:
    for name, value in table.items():
        if isinstance(value, dict):
            _say(console, value, f"{before}{name} ")
        else:
            console.say(f"{before + name:40} {_figure(value)}")


def _figure(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
