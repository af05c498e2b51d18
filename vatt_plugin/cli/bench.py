"""``vatt bench``: seconds per stage on this machine; a benchmark, never a test."""

from __future__ import annotations

import argparse
from typing import Any

from vatt_engine.messages import Bench
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


def add_parser(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser("bench", help="time every stage on this machine")
    add_model_options(parser)
    parser.add_argument(
        "--duration", type=float, default=10.0, metavar="S", help="seconds of picture (default 10)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Time the stages and print the table."""
    console = Console(args.json)
    with engine() as process, Interrupt() as interrupted:
        model = choose_model(process, args.model)
        request = Bench(model=model["name"], device=device_of(args), duration_s=args.duration)
        if args.model and model.get("folder"):
            request = Bench(model=args.model, device=device_of(args), duration_s=args.duration)
        table = ask(process, request, stop=interrupted)
    if args.json:
        print_json(table)
        return 0
    for name, value in table.items():
        if isinstance(value, dict):
            for part, figure in value.items():
                console.say(f"{name + ' ' + part:32} {_figure(figure)}")
        else:
            console.say(f"{name:32} {_figure(value)}")
    return 0


def _figure(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
