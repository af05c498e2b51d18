"""``python -m vatt_engine.corpus.scenes``: make sets of films, single films, contact sheets."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from vatt_engine.corpus.scenes.bank import CorpusBank
from vatt_engine.corpus.scenes.compose import SPLITS, make_scene
from vatt_engine.corpus.scenes.film import contact_sheet, write_film, write_png
from vatt_engine.corpus.scenes.photos import photo_index
from vatt_engine.corpus.scenes.portraits import make_portraits
from vatt_engine.corpus.scenes.sets import define, make_set, read_definition, write_definition
from vatt_engine.corpus.scenes.sound import render_mix
from vatt_engine.errors import VattError


def get_parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    parser = argparse.ArgumentParser(
        prog="python -m vatt_engine.corpus.scenes", description=__doc__
    )
    commands = parser.add_subparsers(dest="command", required=True)

    new = commands.add_parser("define", help="write a set definition (seeds only)")
    new.add_argument("output", type=Path)
    new.add_argument("--name", required=True)
    new.add_argument("--films", type=int, default=60)
    new.add_argument("--still", type=int, default=12, help="silent films on top")
    new.add_argument("--split", choices=SPLITS, default="test")
    new.add_argument("--seed", type=int, default=100_000)
    new.add_argument("--duration", type=float, default=6.0)

    make = commands.add_parser("make-set", help="render a definition to a folder of films")
    make.add_argument("definition", type=Path)
    make.add_argument("folder", type=Path)
    make.add_argument("--height", type=int, default=224)
    make.add_argument("--corpus", type=Path, help="a built corpus: recordings in the true sound")

    stills = commands.add_parser("portraits", help="a set of photographs, to judge captions on")
    stills.add_argument("photos", type=Path, help="PHOTOS/<category>/*.png, cut out")
    stills.add_argument("folder", type=Path)
    stills.add_argument("--height", type=int, default=224)

    film = commands.add_parser("film", help="render one film with its sound")
    film.add_argument("output", type=Path)
    _scene_options(film)
    film.add_argument("--height", type=int, default=360)

    sheet = commands.add_parser("sheet", help="a contact sheet of several films")
    sheet.add_argument("output", type=Path)
    _scene_options(sheet)
    sheet.add_argument("--count", type=int, default=10)
    return parser


def _scene_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split", choices=SPLITS, default="train")
    parser.add_argument("--duration", type=float, default=6.0)
    parser.add_argument("--category")
    parser.add_argument("--family")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; 0 done, 1 failed, 2 usage."""
    args = get_parser().parse_args(argv)
    try:
        return _run(args)
    except (VattError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _run(args: argparse.Namespace) -> int:
    if args.command == "define":
        films = define(args.films, args.split, args.seed, args.still, args.duration)
        write_definition(args.name, films, args.output)
    elif args.command == "make-set":
        _, films = read_definition(args.definition)

        def tell(done: int, total: int) -> None:
            sys.stderr.write(f"\r{done}/{total} films")

        bank = CorpusBank(args.corpus, "test") if args.corpus else None
        manifest = make_set(films, args.folder, args.height, bank, tell)
        sys.stderr.write(f"\n{manifest}\n")
    elif args.command == "portraits":
        manifest = make_portraits(photo_index(args.photos), args.folder, args.height)
        sys.stderr.write(f"{manifest}\n")
    else:
        wanted = {"category": args.category, "family": args.family}
        if args.command == "film":
            scene = make_scene(args.seed, args.split, args.duration, **wanted)
            mix = render_mix(scene, 48_000)
            write_film(scene, args.output, args.height, mix.wave)
        else:
            seeds = range(args.seed, args.seed + args.count)
            scenes = [make_scene(s, args.split, args.duration, **wanted) for s in seeds]
            write_png(contact_sheet(scenes), args.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
