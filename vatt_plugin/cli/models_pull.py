"""``vatt models pull``: fetch published files, after their licences are accepted."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from vatt_engine.errors import LicenceNotAccepted
from vatt_engine.messages import PullModel
from vatt_plugin.cli.console import Console, plain, print_json
from vatt_plugin.cli.models_import import run_with_bar


def add_parser(actions: Any) -> None:
    """Declare the action."""
    parser = actions.add_parser(
        "pull",
        help="fetch the files of a published model",
        description="Shows every source with size and licence, asks before accepting each "
        "licence, and fetches with resume. The only command that uses the network.",
    )
    parser.add_argument("model", metavar="NAME", help="vatt-gemma, vatt-gemma-t, vatt-llama, ...")
    parser.add_argument("--into", metavar="DIR", help="folder for the files (default: the cache)")
    parser.add_argument(
        "--accept", metavar="ID,...", default="", help="licences you have read and accept"
    )
    parser.add_argument("--dry-run", action="store_true", help="show sources, fetch nothing")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Show, ask, fetch."""
    console = Console(args.json)
    into = str(Path(args.into).absolute()) if args.into else ""
    wanted = PullModel(name=args.model, into=into, dry_run=True)
    offer = run_with_bar(wanted, Console(), warm=False)
    if args.dry_run and args.json:
        print_json({"event": "finished", **offer})
        return 0
    if not args.json:
        _print_offer(offer)
    if args.dry_run:
        return 0
    accepted = {i.strip() for i in args.accept.split(",") if i.strip()}
    if sys.stdin.isatty() and not args.json:
        accepted |= _ask_for(offer["licences"], accepted)
    refused = [licence for licence in offer["licences"] if licence["id"] not in accepted]
    if refused:
        raise LicenceNotAccepted(
            f"Not accepted: {', '.join(licence['name'] for licence in refused)}. "
            "Nothing was fetched.",
            "Read them, then accept when asked, or with --accept "
            f"{','.join(licence['id'] for licence in refused)}.",
        )
    request = PullModel(name=args.model, into=into, accepted=tuple(sorted(accepted)))
    answer = run_with_bar(request, console)
    if args.json:
        print_json({"event": "finished", **answer})
        return 0
    for path in answer["files"]:
        print(f"fetched {plain(path)}")
    for item in answer["by_hand"]:
        print(f"by hand {item['what']}: {item['address']}, into {plain(answer['folder'])}")
    print(f"Then: vatt models import {plain(answer['folder'])} --as {args.model}")
    return 0


def _print_offer(offer: dict[str, Any]) -> None:
    for source in offer["sources"]:
        size = f"about {source['bytes'] / 1e9:.1f} GB" if source["bytes"] else "size unknown"
        how = "by hand from" if source["by_hand"] else "from"
        print(f"{source['what']} ({size}), {how} {source['address']}")
    for licence in offer["licences"]:
        print(f"Licence {licence['id']}: {licence['name']}. {licence['summary']} {licence['page']}")


def _ask_for(licences: list[dict[str, Any]], accepted: set[str]) -> set[str]:
    """Licences that the user accepts on the terminal."""
    said = set()
    for licence in licences:
        if licence["id"] not in accepted:
            answer = input(f"Accept {licence['name']} ({licence['page']})? [y/N] ")
            if answer.strip().lower() in ("y", "yes"):
                said.add(str(licence["id"]))
    return said
