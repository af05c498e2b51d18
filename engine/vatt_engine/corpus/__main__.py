"""``python -m vatt_engine.corpus``: the engine's side of ``vatt corpus``.

Prints to stdout for people, or one JSON object a line with ``--json``. Exit codes are those of
``vatt``: 0 done, 1 failed, 3 done but some packages could not be had or something is wrong.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import Any

from vatt_engine.errors import VattError

DONE, FAILED, PARTLY, CANCELLED = 0, 1, 3, 130


def get_parser() -> argparse.ArgumentParser:
    """The parser of all subcommands."""
    parser = argparse.ArgumentParser(prog="vatt corpus", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    made = commands.add_parser("build", help="fetch, decode and sort the training sounds")
    made.add_argument("out", type=Path)
    made.add_argument("--foley", type=Path, help="the collected Foley folder, where present")
    made.add_argument("--packages", type=Path, help="folder of .deb files")
    made.add_argument("--keep-packages", action="store_true", help="do not delete them when read")
    made.add_argument("--only", nargs="+", default=[], metavar="PACKAGE")
    made.add_argument("--jobs", type=int, default=2)
    for name, text in (
        ("check", "verify a built corpus"),
        ("list", "what a built corpus holds"),
    ):
        commands.add_parser(name, help=text).add_argument("out", type=Path)
    told = commands.add_parser("report", help="HTML with players, pictures and verdicts")
    told.add_argument("out", type=Path, nargs="?")
    told.add_argument("--html", type=Path, required=True)
    told.add_argument("--only", nargs="+", default=[], metavar="CATEGORY")
    packed = commands.add_parser("pack", help="a small copy that travels")
    packed.add_argument("out", type=Path)
    packed.add_argument("target", type=Path)
    packed.add_argument("--max-mib", type=float, default=48.0)
    unpacked = commands.add_parser("unpack", help="a packed copy back into a corpus folder")
    unpacked.add_argument("target", type=Path)
    unpacked.add_argument("out", type=Path)
    for sub in commands.choices.values():
        sub.add_argument("--json", action="store_true", help="one JSON object a line")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one subcommand; returns the exit code."""
    args = get_parser().parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    try:
        return _run(args)
    except VattError as error:
        if args.json:
            _say({"event": "failed", **error.to_dict()})
        sys.stderr.write(f"vatt corpus: {error}\n")
        return FAILED
    except KeyboardInterrupt:
        return CANCELLED


def _run(args: argparse.Namespace) -> int:
    # Each command imports what it needs: listing a corpus should not wait for a decoder.
    if args.command == "build":
        return _build(args)
    if args.command == "check":
        from vatt_engine.corpus.check import check

        problems = check(args.out)
        for problem in problems:
            _say({"problem": problem} if args.json else problem)
        _say({"event": "finished", "problems": len(problems)} if args.json
             else f"{len(problems)} problems")  # fmt: skip
        return PARTLY if problems else DONE
    if args.command == "list":
        return _list(args)
    if args.command == "pack":
        from vatt_engine.corpus.pack import pack

        kbps = pack(args.out, args.target, args.max_mib)
        size = sum(path.stat().st_size for path in args.target.iterdir()) / 2**20
        _say({"event": "finished", "kbps": kbps, "mib": size} if args.json
             else f"{size:.1f} MiB at {kbps:.0f} kb/s in {args.target}")  # fmt: skip
        return DONE
    if args.command == "unpack":
        from vatt_engine.corpus.pack import unpack

        n = unpack(args.target, args.out)
        _say({"event": "finished", "clips": n} if args.json else f"{n} clips in {args.out}")
        return DONE
    from vatt_engine.corpus.report import write_report

    verdicts = write_report(args.html, args.out, tuple(args.only))
    _say({"event": "finished", "html": str(args.html), "verdicts": verdicts} if args.json
         else f"wrote {args.html}")  # fmt: skip
    return DONE


def _build(args: argparse.Namespace) -> int:
    from vatt_engine.corpus.build import Plan, build
    from vatt_engine.corpus.summary import table

    plan = Plan(
        args.out, args.foley, args.packages, tuple(args.only), args.jobs, args.keep_packages
    )

    def report(what: str, done: int, total: int) -> None:
        if args.json:
            _say({"event": "progress", "stage": what, "done": done, "total": total})
        else:
            sys.stderr.write(f"\r{done:5d}/{total} {what:40}")
            sys.stderr.flush()

    summary = build(plan, report)
    if args.json:
        _say({"event": "finished", **summary})
    else:
        sys.stderr.write("\n")
        _say(table(summary))
        state = f"built in {summary['build_s']} s" if summary["changed"] else "nothing to do"
        _say(f"\n{args.out}: {state}")
    for name, reason in summary["failed"].items():
        sys.stderr.write(f"{name}: {reason}\n")
    return PARTLY if summary["failed"] else DONE


def _list(args: argparse.Namespace) -> int:
    from vatt_engine.corpus.check import NoCorpus
    from vatt_engine.corpus.summary import table

    path = args.out / "summary.json"
    if not path.is_file():
        raise NoCorpus(f"{args.out} holds no corpus.", "Run `vatt corpus build` first.")
    summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    _say(summary if args.json else table(summary))
    return DONE


def _say(message: str | dict[str, Any]) -> None:
    text = message if isinstance(message, str) else json.dumps(message)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
