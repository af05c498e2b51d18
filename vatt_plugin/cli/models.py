"""``vatt models``: what is installed, and what is known of each."""

from __future__ import annotations

import argparse
import importlib
from typing import Any

from vatt_engine.messages import ListModels, ModelInfo
from vatt_plugin.cli.console import ask, engine, plain, print_json

EXTENSIONS = ("import", "pull", "verify")
"""Further subcommands, each in a module ``models_<name>.py`` of its own."""


def add_parser(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser("models", help="list and describe installed models")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="what is installed")
    listing.add_argument("--json", action="store_true", help="print JSON")
    info = actions.add_parser("info", help="all that is known of one model")
    info.add_argument("model", metavar="M", help="name or folder of the model")
    info.add_argument("--json", action="store_true", help="print JSON")
    for name in EXTENSIONS:
        _extension(name).add_parser(actions)


def run(args: argparse.Namespace) -> int:
    """List, or describe."""
    if args.action in EXTENSIONS:
        return int(_extension(args.action).run(args))
    with engine(warm=False) as process:
        if args.action == "list":
            models = ask(process, ListModels())["models"]
            if args.json:
                print_json({"models": models})
            else:
                _print_list(models)
        else:
            facts = ask(process, ModelInfo(model=args.model))
            if args.json:
                print_json(facts)
            else:
                _print_facts(facts)
    return 0


def _extension(name: str) -> Any:
    return importlib.import_module(f"vatt_plugin.cli.models_{name}")


def _print_list(models: list[dict[str, Any]]) -> None:
    width = max(len(str(m["name"])) for m in models)
    for model in models:
        if "error" in model:
            print(f"{plain(model['name']):{width}}  damaged: {plain(model['error'])}")
            continue
        size = f"{model['bytes'] / 1e6:7.1f} MB"
        kind = "trained" if model["trained"] else "untrained"
        description = plain(model["description"])
        print(f"{plain(model['name']):{width}}  {size}  {kind:9}  {description}")


def _print_facts(facts: dict[str, Any], indent: str = "") -> None:
    for name, value in facts.items():
        if isinstance(value, dict):
            print(f"{indent}{name}:")
            _print_facts(value, indent + "  ")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for number, item in enumerate(value, 1):
                print(f"{indent}{name} {number}:")
                _print_facts(item, indent + "  ")
        else:
            print(f"{indent}{name}: {plain(str(value))}")
