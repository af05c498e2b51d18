"""``vatt models import``: published checkpoint files -> a model folder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from vatt_engine.messages import Event, ImportModel, Progress
from vatt_plugin.cli.console import Console, Interrupt, ask, engine, plain, print_json


def add_parser(actions: Any) -> None:
    """Declare the action."""
    parser = actions.add_parser(
        "import",
        help="turn published checkpoint files into an installed model",
        description="Finds the published files in a folder however they were unpacked, checks "
        "every key and shape, and writes a model folder. Nothing in the files is executed.",
    )
    parser.add_argument("folder", metavar="DIR", help="folder with the published files")
    parser.add_argument(
        "--as", dest="name", required=True, metavar="NAME",
        help="vatt-gemma, vatt-gemma-t, vatt-llama, vatt-llama-t, or a name of your own",
    )  # fmt: skip
    parser.add_argument(
        "--checkpoint", metavar="FILE", help="the .ckpt to take if several are there"
    )
    parser.add_argument(
        "--probe", metavar="CLIPS",
        help="folder of code files (.npy) or sounds (.wav) that decide the code layout",
    )  # fmt: skip
    parser.add_argument(
        "--ignore-unknown", action="store_true", help="leave out unknown keys of the LLM"
    )
    parser.add_argument("--dry-run", action="store_true", help="check and report, write nothing")
    parser.add_argument("--force", action="store_true", help="replace a model of that name")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Import, showing progress."""
    request = ImportModel(
        folder=str(Path(args.folder).absolute()),
        name=args.name,
        checkpoint=str(Path(args.checkpoint).absolute()) if args.checkpoint else "",
        probe=str(Path(args.probe).absolute()) if args.probe else "",
        ignore_unknown=args.ignore_unknown,
        dry_run=args.dry_run,
        force=args.force,
    )
    answer = run_with_bar(request, Console(args.json))
    if args.json:
        print_json({"event": "finished", **answer})
    else:
        _print(answer)
    return 1 if answer["lacks"] else 0


def run_with_bar(request: Any, console: Console, *, warm: bool = True) -> dict[str, Any]:
    """Run a job that reports bytes, with a bar on a terminal and events for programs.

    Args:
        request: for the engine.
        console: where progress goes.
        warm: load the engine's libraries; not needed for what is only looked up.
    """
    with engine(warm=warm) as process, Interrupt() as interrupted, console.bar(1, "B") as bar:
        bar.unit_scale = True

        def on_event(event: Event) -> None:
            if not isinstance(event, Progress):
                return
            console.event("progress", stage=event.stage, done=event.done, total=event.total)
            bar.set_description(event.stage, refresh=False)
            bar.total = event.total
            bar.n = event.done
            bar.refresh()

        return ask(process, request, on_event, interrupted)


def _print(answer: dict[str, Any]) -> None:
    for item in answer["found"]:
        print(f"found   {item['what']}: {plain(item['path'])}")
    for item in answer["lacks"]:
        print(f"lacks   {item['what']}. {item['hint']}")
    for item in answer["ignored"]:
        print(f"ignored {plain(item['path'])}: {plain(item['why'])}")
    for note in answer["notes"]:
        print(note)
    if answer["written"]:
        print(f"Written: {plain(answer['folder'])} ({answer['bytes'] / 1e9:.2f} GB)")
    elif not answer["lacks"]:
        print(f"All is there; an import would write {answer['bytes'] / 1e9:.2f} GB.")
