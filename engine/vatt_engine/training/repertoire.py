"""``python -m vatt_engine.training.repertoire FOLDER``: what a trained converter knows by name.

FOLDER is what ``vatt train converter --out`` wrote; two files are put beside the converter, whose
own stay as they are. The tables say which picture classes and which places go with a sound, as the
casting of made films has it; the weights of the vote were fitted on films of the split ``valid``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from vatt_engine.corpus.captions import heads
from vatt_engine.corpus.categories import CATEGORIES
from vatt_engine.corpus.scenes.captions import SILENCE
from vatt_engine.corpus.scenes.casting import CASTING
from vatt_engine.corpus.scenes.semantics import PLACE_CLASSES, imagenet_lemmas
from vatt_engine.errors import BadRequest, VattError
from vatt_engine.nets.converter import Converter
from vatt_engine.nets.repertoire import Repertoire
from vatt_engine.repertoire_files import write_repertoire
from vatt_engine.training.converter_folder import load_converter, read_readout
from vatt_engine.training.prompt_texts import encode_all
from vatt_engine.training.sights import NAMES, classes_of


def make_repertoire(converter: Converter, readout: torch.nn.Linear) -> Repertoire:
    """The project's categories as a repertoire of a converter.

    Args:
        converter: with a sentence encoder and the 1000 classes of ImageNet.
        readout: trained beside it.

    Raises:
        BadRequest: the converter has no sentence encoder, or other classes.
    """
    lemmas = imagenet_lemmas()
    if converter.sentence is None or converter.config.picture_classes != len(lemmas):
        raise BadRequest(
            "This converter has no sentence encoder or no picture classes.",
            "Train it with `vatt train converter`.",
        )
    wordings = [heads(CATEGORIES[name]) for name in NAMES[:-1]] + [(SILENCE,)]
    made = Repertoire(
        NAMES, wordings, converter.config.width, len(lemmas), converter.sentence.config.width
    )
    made.readout.load_state_dict(readout.state_dict())
    for number, name in enumerate(NAMES):
        if name in CASTING:
            made.things[number] = _shares(classes_of(name, lemmas), len(lemmas))
            places = [
                _shares([lemmas.index(lemma) for lemma in PLACE_CLASSES[place]], len(lemmas))
                for place in CASTING[name].places
            ]
            made.places[number] = torch.stack(places).mean(dim=0)
    made.vectors.copy_(encode_all(converter.sentence, [way for row in wordings for way in row]))
    return made.requires_grad_(False).eval()


def _shares(classes: Sequence[int], n: int) -> Tensor:
    """Each class's share [n] of a list, in which a class may occur more than once."""
    counts = torch.bincount(torch.tensor(classes), minlength=n)
    return counts / counts.sum()


def main(argv: Sequence[str] | None = None) -> int:
    """Write the files; 0 done, 1 failed, 2 usage."""
    words = sys.argv[1:] if argv is None else list(argv)
    if len(words) != 1:
        sys.stderr.write("usage: python -m vatt_engine.training.repertoire FOLDER\n")
        return 2
    folder = Path(words[0])
    try:
        write_repertoire(folder, make_repertoire(load_converter(folder), read_readout(folder)))
    except VattError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
