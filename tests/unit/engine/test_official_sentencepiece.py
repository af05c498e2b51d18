"""Reading SentencePiece files: pieces, merges, bytes, special tokens, damage."""

import struct
from pathlib import Path

import pytest

from vatt_engine.errors import BadCheckpoint
from vatt_engine.official.sentencepiece import read_sentencepiece


def varint(n: int) -> bytes:
    out = b""
    while n > 0x7F:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def block(field: int, data: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(data)) + data


def piece(text: str, score: float, kind: int = 1) -> bytes:
    body = block(1, text.encode()) + varint(2 << 3 | 5) + struct.pack("<f", score)
    return block(1, body + varint(3 << 3) + varint(kind))


def model(kind: int = 2, prefix: int = 1) -> bytes:
    data = piece("<unk>", 0, 2) + piece("<s>", 0, 3) + piece("</s>", 0, 3)
    data += b"".join(piece(f"<0x{b:02X}>", 0, 6) for b in range(256))
    # "oo" ranks before "do", so "door" is d|oo|r and then "door" whole.
    ranked = ["\u2581d", "oo", "do", "oor", "\u2581door", "a", "d", "o", "r", "\u2581", "er"]
    data += b"".join(piece(text, -i) for i, text in enumerate(ranked))
    data += piece("<turn>", 0, 4)
    data += block(2, varint(3 << 3) + varint(kind))
    return data + block(3, varint(3 << 3) + varint(prefix))


def test_text_is_split_by_rank_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.model"
    path.write_bytes(model())
    tokenizer = read_sentencepiece(path)
    encoded = tokenizer.encode("door a", add_special_tokens=False)
    assert encoded.tokens == ["\u2581door", "\u2581", "a"]  # type: ignore[attr-defined]
    assert tokenizer.decode(encoded.ids) == "door a"


def test_unknown_characters_become_bytes_and_special_pieces_stay_whole(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.model"
    path.write_bytes(model(prefix=0))
    tokenizer = read_sentencepiece(path)
    ids = tokenizer.encode("\u00e9<turn>a</s>", add_special_tokens=False).ids
    assert ids[:2] == [3 + 0xC3, 3 + 0xA9]
    assert ids[2] == 3 + 256 + 11
    assert ids[-1] == 2
    assert tokenizer.decode(ids[:2]) == "\u00e9"


@pytest.mark.parametrize("data", [b"", model()[:-3], model(kind=1), b"\xff" * 40, b"{}"])
def test_damage_and_other_kinds_are_named(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.model"
    path.write_bytes(data)
    with pytest.raises(BadCheckpoint, match="SentencePiece"):
        read_sentencepiece(path)
