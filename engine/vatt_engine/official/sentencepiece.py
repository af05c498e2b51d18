"""``tokenizer.model`` -> tokenizer, for base LLMs that come without ``tokenizer.json``.

Vicuna's older releases hold only a SentencePiece file. It is a small protocol-buffer message;
the few fields needed are read here, and the pair merges that SentencePiece leaves implicit are
rebuilt from the scores of the pieces.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vatt_engine.errors import BadCheckpoint
from vatt_engine.nets.prompts import TextTokenizer

# ModelProto.SentencePiece.Type and TrainerSpec.ModelType
_CONTROL, _USER_DEFINED, _UNKNOWN = 3, 4, 2
_BPE = 2


def read_sentencepiece(path: Path) -> TextTokenizer:
    """The tokenizer of a SentencePiece BPE model.

    Raises:
        BadCheckpoint: damaged, or of another kind than BPE.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers

    try:
        pieces, prefix = _parse(path.read_bytes())
    except (OSError, ValueError, struct.error, IndexError) as error:
        raise BadCheckpoint(
            f"{path} is no SentencePiece BPE model ({error}).", "Fetch the base LLM again."
        ) from error
    vocabulary = {text: i for i, (text, _, _) in enumerate(pieces)}
    unknown = next((text for text, _, kind in pieces if kind == _UNKNOWN), None)
    tokenizer = Tokenizer(
        models.BPE(
            vocab=vocabulary,
            merges=_merges(vocabulary, pieces),
            unk_token=unknown,
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    spaces: list[Any] = [normalizers.Replace(" ", "\u2581")]
    if prefix:
        spaces.insert(0, normalizers.Prepend("\u2581"))
    tokenizer.normalizer = normalizers.Sequence(spaces)
    parts: list[Any] = [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
    if prefix:
        parts.append(decoders.Strip(" ", 1, 0))
    tokenizer.decoder = decoders.Sequence(parts)
    special = [text for text, _, kind in pieces if kind in (_CONTROL, _UNKNOWN)]
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in special])
    own = [text for text, _, kind in pieces if kind == _USER_DEFINED]
    tokenizer.add_tokens([AddedToken(t, special=False, normalized=False) for t in own])
    return tokenizer


def _merges(
    vocabulary: dict[str, int], pieces: list[tuple[str, float, int]]
) -> list[tuple[str, str]]:
    """All ways to join two pieces to a third, best first."""
    found = []
    for text, score, _ in pieces:
        for cut in range(1, len(text)):
            left, right = text[:cut], text[cut:]
            if left in vocabulary and right in vocabulary:
                found.append((-score, vocabulary[left], vocabulary[right], left, right))
    return [(left, right) for _, _, _, left, right in sorted(found)]


def _parse(data: bytes) -> tuple[list[tuple[str, float, int]], bool]:
    """Pieces (text, score, kind) and whether a space goes before the text."""
    pieces, prefix, kind = [], True, _BPE
    for field, value in _fields(data):
        if field == 1:
            piece = dict(_fields(value))
            score = struct.unpack("<f", piece[2])[0] if 2 in piece else 0.0
            pieces.append((piece.get(1, b"").decode(), score, int(piece.get(3, 1))))
        elif field == 2:
            kind = int(dict(_fields(value)).get(3, 1))
        elif field == 3:
            prefix = bool(dict(_fields(value)).get(3, 1))
    if not pieces:
        raise ValueError("no pieces")
    if kind != _BPE:
        raise ValueError("not of the BPE kind")
    return pieces, prefix


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Fields of a protocol-buffer message: varints as int, all else as bytes."""
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        field, wire = key >> 3, key & 7
        if wire == 0:
            number, place = _varint(data, place)
            yield field, number
            continue
        if wire == 2:
            length, place = _varint(data, place)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if place + length > len(data):
            raise ValueError("it ends too early")
        yield field, data[place : place + length]
        place += length


def _varint(data: bytes, place: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[place]
        number |= (byte & 0x7F) << shift
        place += 1
        if byte < 0x80:
            return number, place
        shift += 7
        if shift > 63:
            raise ValueError("a number is too long")
