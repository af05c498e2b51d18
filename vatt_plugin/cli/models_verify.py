"""``vatt models verify``: compare every file of a model with what its ``model.json`` says."""

from __future__ import annotations

import argparse
from typing import Any

from vatt_engine.messages import ModelInfo, VerifyModel
from vatt_plugin.cli.console import Console, ask, engine, plain, print_json
from vatt_plugin.cli.models_import import run_with_bar


def add_parser(actions: Any) -> None:
    """Declare the action."""
    parser = actions.add_parser("verify", help="check that no file of a model has changed")
    parser.add_argument("model", metavar="M", help="name or folder of the model")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Verify; a damaged model is an error that names the file."""
    with engine(warm=False) as process:
        ask(process, ModelInfo(model=args.model))  # a wrong name is told before torch is imported
    answer = run_with_bar(VerifyModel(model=args.model), Console(args.json))
    if args.json:
        print_json({"event": "finished", **answer})
    else:
        size = f"{answer['bytes'] / 1e9:.2f} GB"
        print(f"{plain(answer['name'])}: {answer['files']} files, {size}, all as written.")
    return 0
