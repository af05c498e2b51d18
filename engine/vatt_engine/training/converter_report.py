"""``python -m vatt_engine.training.converter_report FOLDER VISUAL [PHOTOS]``: what it understands.

FOLDER is what ``vatt train converter --out`` wrote, VISUAL the weights of the picture encoder,
PHOTOS cut-out photographs as ``PHOTOS/<category>/*.png``. Captions are made as in the product: by
the repertoire beside the converter, or by the LM alone where there is none. Prints one JSON object.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from vatt_engine.corpus.scenes.semantics import FeaturePrior
from vatt_engine.errors import VattError
from vatt_engine.nets.converter import Converter
from vatt_engine.nets.repertoire import Repertoire, captions
from vatt_engine.repertoire_files import NAMES as REPERTOIRE
from vatt_engine.repertoire_files import read_repertoire
from vatt_engine.training.converter_folder import load_converter, read_readout
from vatt_engine.training.readings import (
    heard_figures,
    names_it,
    photographs,
    sight_figures,
    text_figures,
)
from vatt_engine.training.sights import FPS, SILENT, Sight, film

_FIRST, _N_FILMS, _N_CAPTIONS = 31_000_000, 300, 3


def caption_figures(
    net: Converter, repertoire: Repertoire | None, sights: Sequence[Sight]
) -> dict[str, float]:
    """Shares of sights whose first caption, and whose first three, name a category.

    ``two_named`` is the share of first captions of more than one sound.
    """
    first, any_of_three, two = [], [], []
    for i, sight in enumerate(sights):
        video = torch.from_numpy(sight.seconds).repeat_interleave(FPS, dim=0)
        generator = torch.Generator().manual_seed(i)
        if repertoire is None:
            said = net.caption(video, generator, _N_CAPTIONS)
        else:
            said = captions(net, repertoire, video, generator, _N_CAPTIONS)
        right = [any(names_it(text, k) for k in sight.categories) for text, _ in said]
        first.append(bool(right[:1] and right[0]))
        any_of_three.append(any(right))
        two.append(any(" and " in text for text, _ in said[:1]))
    return {
        "caption": float(np.mean(first)),
        "one_of_captions": float(np.mean(any_of_three)),
        "two_named": float(np.mean(two)),
    }


def report(folder: Path, visual: Path, photos: Path | None) -> dict[str, object]:
    """All figures: held-out films (sounding and silent apart), photographs, paraphrases."""
    net, readout = load_converter(folder), read_readout(folder)
    known = [folder / name for name in REPERTOIRE.values()]
    repertoire = None
    if all(path.is_file() for path in known):
        repertoire = read_repertoire(known[0], known[1], net.config)
    prior = FeaturePrior.load(visual)
    films = [film(_FIRST + i, "test", prior) for i in range(_N_FILMS)]
    groups = {
        "films": [s for s in films if SILENT not in s.categories],
        "silent_films": [s for s in films if SILENT in s.categories],
        "photographs": photographs(photos, visual) if photos else [],
    }
    out: dict[str, object] = {"paraphrases": text_figures(net, readout)}
    if repertoire is not None:
        out["paraphrases as heard"] = heard_figures(net, repertoire)
    for name, sights in groups.items():
        if sights:
            figures = caption_figures(net, repertoire, sights) | sight_figures(net, readout, sights)
            out[name] = {"n": len(sights)} | {k: round(v, 3) for k, v in figures.items()}
    return out


def main(argv: Sequence[str] | None = None) -> int:
    """Print the report; 0 done, 1 failed, 2 usage."""
    words = [Path(w) for w in (sys.argv[1:] if argv is None else argv)]
    if len(words) not in (2, 3):
        sys.stderr.write(
            "usage: python -m vatt_engine.training.converter_report FOLDER VISUAL [PHOTOS]\n"
        )
        return 2
    try:
        found = report(words[0], words[1], words[2] if len(words) > 2 else None)
        sys.stdout.write(f"{json.dumps(found)}\n")
    except VattError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
