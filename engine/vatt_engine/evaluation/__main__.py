"""``python -m vatt_engine.evaluation MODEL SET``: judge a model; ``vatt eval`` starts this.

Exit codes as for ``vatt``: 0 done, 1 failed, 2 usage, 3 some films failed, 130 cancelled. With
``--json`` one event a line on stdout: ``progress``, then ``finished`` with every figure.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import platformdirs

from vatt_engine.errors import BadModelFolder, BadRequest, VattError


def get_parser() -> argparse.ArgumentParser:
    """Options; nothing heavy is imported for ``--help``."""
    parser = argparse.ArgumentParser(
        prog="vatt eval",
        description="Measure a model on films whose sound moments are known.",
        epilog="SET is a folder with set.jsonl, that file, a definition (.json), or `heldout`. "
        "MODEL may be baseline:exact, coded, late, shuffled, silent or noise, whose figures bound "
        "all others.",
    )
    parser.add_argument("model", nargs="?", metavar="MODEL")
    parser.add_argument("set", nargs="?", metavar="SET")
    parser.add_argument("--report", type=Path, metavar="OUT.html")
    parser.add_argument("--json", action="store_true", help="print JSON lines")
    parser.add_argument("--out", type=Path, help="keep takes and results.json here")
    parser.add_argument("--against", metavar="MODEL|RESULTS.json", help="compare with another one")
    parser.add_argument("--takes", type=int, default=2, help="takes a film without a prompt")
    parser.add_argument("--limit", type=int, help="only so many films, spread over the set")
    parser.add_argument(
        "--only",
        metavar="A,B",
        help="of picture, asked, swapped, paraphrased; none: captions and hits alone",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--cfg", type=float)
    parser.add_argument("--sync", choices=("auto", "off"), default="auto")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--evaluators", type=Path, help="folder of published evaluators")
    parser.add_argument("--probe", type=Path, help="another category probe")
    parser.add_argument("--rating-page", type=Path, metavar="OUT.html", help="for people")
    parser.add_argument("--pairs", type=int, default=20, help="pairs on the rating page")
    parser.add_argument("--captions", type=int, default=20, help="captions on the rating page")
    parser.add_argument("--ratings", type=Path, nargs="+", metavar="FILE.csv")
    parser.add_argument("--key", type=Path, help="the rating page's .key.json")
    parser.add_argument("--results", type=Path, nargs="+", default=[], help="for --ratings")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run; returns the exit code."""
    parser = get_parser()
    args = parser.parse_args(argv)
    try:
        if args.ratings:
            return _ratings(args)
        if not args.model or not args.set:
            parser.error("MODEL and SET are needed (or --ratings FILE.csv)")
        return _evaluate(args)
    except VattError as error:
        if args.json:
            _print({"event": "failed", **error.to_dict()})
        sys.stderr.write(f"vatt eval: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("vatt eval: cancelled.\n")
        return 130


def _print(event: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def _evaluate(args: argparse.Namespace) -> int:
    from vatt_engine.evaluation import results
    from vatt_engine.evaluation.films import FilmSet, read_set

    # What may be mistyped is looked at first: a model takes seconds to load, a set hours to judge.
    _check(args)
    other = results.read(Path(args.against)) if _is_results(args.against) else None
    cache = Path(platformdirs.user_cache_dir("vatt"))
    films = read_set(args.set, cache / "sets", _progress(args, "rendering films"))
    if args.limit and args.limit < len(films.films):
        step = len(films.films) / args.limit
        films = FilmSet(films.name, tuple(films.films[int(i * step)] for i in range(args.limit)))
    from vatt_engine.evaluation import figures
    from vatt_engine.evaluation.report import write_report

    judge, notes = _judge(args)
    found = _run_one(args, args.model, films, judge, cache)
    differences = None
    if args.against:
        other = other or _run_one(args, args.against, films, judge, cache)
        differences = figures.compare(other, found)
    summary = figures.summarise(found)
    if args.report:
        write_report(
            found, summary, films, args.report, other=other, differences=differences, notes=notes
        )
    if args.rating_page:
        from vatt_engine.evaluation.rating_page import draw_items, write_page

        items = draw_items(found, other, args.pairs, args.captions, args.seed)
        key = write_page(items, films, args.rating_page)
        sys.stderr.write(f"Keep this from the raters: {key}\n")
    if args.json:
        _print({
            "event": "finished",
            "model": found.model,
            "set": found.set_name,
            "films": len(found.films),
            "figures": {name: asdict(value) for name, value in summary.items()},
            "differences": {n: asdict(d) for n, d in (differences or {}).items()},
            "notes": notes,
        })  # fmt: skip
    else:
        _table(found, summary, other, differences, notes)
    failed = [film for film in found.films if film.failed]
    for film in failed:
        sys.stderr.write(f"vatt eval: {film.name} failed: {film.failed}\n")
    return 0 if not failed else 1 if len(failed) == len(found.films) else 3


def _check(args: argparse.Namespace) -> None:
    """Refuse models that are not there and reports that could not be written."""
    from vatt_engine.model_library import model_info

    for model in filter(None, (args.model, args.against)):
        if not model.startswith("baseline:") and not _is_results(model):
            model_info(model)
    for path in filter(None, (args.report, args.rating_page)):
        if not path.absolute().parent.is_dir():
            raise BadRequest(
                f"The folder {path.parent} does not exist, for {path.name}.",
                "Make it first, or choose another.",
            )


def _is_results(name: str | None) -> bool:
    return name is not None and name.endswith(".json")


def _judge(args: argparse.Namespace) -> tuple[Any, list[str]]:
    from vatt_engine.evaluation import probe
    from vatt_engine.evaluation.evaluators import load_evaluators, missing
    from vatt_engine.evaluation.family_judge import FamilyJudge
    from vatt_engine.evaluation.judge import Judge
    from vatt_engine.evaluation.yamnet import Yamnet

    notes: list[str] = []
    trained = families = None
    try:
        families = FamilyJudge.load()
        trained = probe.load(args.probe or probe.SHIPPED)
        notes += _trust(families.probe.facts)
    except BadModelFolder as error:
        if args.probe:
            raise
        notes.append(str(error))
    extra = load_evaluators(args.evaluators) if args.evaluators else []
    for name, what in missing(args.evaluators).items():
        notes.append(f"Not measured, {name} is not at hand: {what}.")
    return Judge(Yamnet.load(), trained, extra, families), notes


def _trust(facts: Mapping[str, Any]) -> list[str]:
    """How often the judge of sound families is right where the answer is known."""
    known = {
        "recordings from packages it has not seen": "held_out_packages",
        "the same set into takes": "held_out_takes",
        "fresh synthesised takes": "synthesised",
    }
    shares = [f"{facts[key]['top1']:.0%} of {what}" for what, key in known.items() if key in facts]
    return [f"The judge of kinds of sound is right for {', '.join(shares)}."] if shares else []


def _run_one(args: argparse.Namespace, model: str, films: Any, judge: Any, cache: Path) -> Any:
    from vatt_engine.evaluation import results
    from vatt_engine.evaluation.run import Settings, evaluate

    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", f"{model}-{films.name}")
    folder = (args.out or cache / "eval") / name
    folder.mkdir(parents=True, exist_ok=True)
    conditions = tuple(args.only.split(",")) if args.only else Settings().conditions
    conditions = () if conditions == ("none",) else conditions
    unknown = set(conditions) - set(Settings().conditions)
    if unknown:
        raise BadRequest(
            f"--only does not know {', '.join(sorted(unknown))}.",
            f"There are: {', '.join(Settings().conditions)}.",
        )
    maker = _maker(args, model, films)
    report = _progress(args, model)
    settings = Settings(args.seed, args.takes, conditions)
    found = evaluate(maker, films, judge, folder, settings, lambda d, t, _: report(d, t))
    results.write(found, folder / "results.json")
    return found


def _maker(args: argparse.Namespace, model: str, films: Any) -> Any:
    from vatt_engine.evaluation.makers import BaselineMaker, VattMaker

    if model.startswith("baseline:"):
        return BaselineMaker(model.removeprefix("baseline:"), films.films)
    from vatt_engine.pipeline import VATT

    vatt = VATT.from_pretrained(model, args.device)
    return VattMaker(vatt, Path(model).name, args.steps, args.cfg, args.sync)


def _progress(args: argparse.Namespace, what: str) -> Any:
    def tell(done: int, total: int) -> None:
        if args.json:
            _print({"event": "progress", "stage": what, "done": done, "total": total})
        elif sys.stderr.isatty():
            sys.stderr.write(f"\r{what}: {done}/{total} " + ("\n" if done == total else ""))

    return tell


def _table(found: Any, summary: Any, other: Any, differences: Any, notes: list[str]) -> None:
    from vatt_engine.evaluation.figures import FIGURES, extra_figures
    from vatt_engine.evaluation.report import number

    lines = [f"{found.model} on {found.set_name}: {len(found.films)} films"]
    lines += [f"note: {note}" for note in notes]
    for figure in FIGURES + extra_figures(found.films):
        value = summary[figure.name]
        if value.value is None:
            continue
        span = f"[{number(value.low)}, {number(value.high)}]" if value.low is not None else ""
        line = f"{figure.label:42} {number(value.value):>8} {span:18} {figure.bar}"
        if differences is not None and differences[figure.name].value is not None:
            change = differences[figure.name]
            mark = "*" if change.certain else " "
            line += f"   {change.value:+.3g}{mark} against {other.model}"
        lines.append(line.rstrip())
    sys.stdout.write("\n".join(lines) + "\n")


def _ratings(args: argparse.Namespace) -> int:
    from vatt_engine.evaluation import results
    from vatt_engine.evaluation.ratings import read_key, read_ratings, verdicts
    from vatt_engine.evaluation.report import number

    if args.key is None:
        raise BadRequest(
            "Ratings need the page's key.", "Give --key PAGE.key.json; it lies beside the page."
        )
    found = verdicts(
        read_ratings(args.ratings), read_key(args.key), [results.read(p) for p in args.results]
    )
    if args.json:
        _print({"event": "finished", "ratings": [asdict(v) for v in found]})
        return 0
    for verdict in found:
        sys.stdout.write(
            f"{verdict.question}: {verdict.n_answers} answers of {verdict.n_raters} raters on "
            f"{verdict.n_items} items, Krippendorff's alpha {number(verdict.alpha)}\n"
        )
        for model, share in verdict.shares.items():
            span = f" [{number(share.low)}, {number(share.high)}]" if share.low is not None else ""
            sys.stdout.write(f"  {model:24} {number(share.value)}{span}\n")
        for name, value in verdict.correlations.items():
            sys.stdout.write(f"  rank correlation with {name}: {value:+.2f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
