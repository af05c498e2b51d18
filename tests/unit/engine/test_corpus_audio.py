"""What makes a clip: trimmed, levelled, and never from a band-limited source."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
import soxr

from vatt_engine.corpus import audio
from vatt_engine.corpus.captions import Facts, captions, facts_from_name, heads
from vatt_engine.corpus.categories import CATEGORIES
from vatt_engine.corpus.credits import holders, parse_stanzas
from vatt_engine.corpus.labels import debian_category, esc10_category, foley_category
from vatt_engine.corpus.licences import parse_licence
from vatt_engine.corpus.report import png, spectrogram
from vatt_engine.corpus.split import TEST_PACKAGES, split_of

RATE = 44_100


def encode(wave: np.ndarray, rate: int = RATE) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, wave, rate, format="WAV", subtype="FLOAT")
    return buffer.getvalue()


def burst(seed: int = 0, seconds: float = 0.5) -> np.ndarray:
    rng = np.random.default_rng(seed)
    n = round(seconds * RATE)
    return (rng.standard_normal(n) * np.exp(-np.arange(n) / RATE * 8)).astype(np.float32)


def test_silence_around_a_sound_is_cut_and_the_onset_stays_near_the_start() -> None:
    padded = np.concatenate([np.zeros(RATE), 0.01 * burst(), np.zeros(2 * RATE)]).astype(np.float32)
    clip = audio.prepare(encode(padded))
    assert len(clip.wave) / audio.SAMPLE_RATE < 0.7
    assert clip.cut_s > 2.5
    start = int(np.argmax(np.abs(clip.wave) > 0.1 * np.abs(clip.wave).max()))
    assert start < 0.02 * audio.SAMPLE_RATE


def test_quiet_and_loud_sources_end_at_the_same_level() -> None:
    soft, loud = (audio.prepare(encode(gain * burst())) for gain in (0.05, 0.3))
    assert np.allclose(soft.wave, loud.wave, atol=1e-2)
    assert np.abs(loud.wave).max() <= 10 ** (-1 / 20) + 1e-4


def test_opposite_channels_do_not_cancel() -> None:
    wave = 0.2 * burst()
    clip = audio.prepare(encode(np.stack([wave, -wave], axis=1)))
    assert np.abs(clip.wave).max() > 0.1


@pytest.mark.parametrize("rate", [8000, 11_025])
def test_upsampled_telephone_sound_is_found_out(rate: int) -> None:
    wave = burst(1, 1.0)
    dull = soxr.resample(soxr.resample(wave, RATE, rate), rate, RATE)
    assert audio.is_band_limited(dull, RATE)
    assert not audio.is_band_limited(wave, RATE)
    with pytest.raises(audio.Unusable, match="band-limited"):
        audio.prepare(encode(0.2 * dull.astype(np.float32)))


def test_a_dull_thud_is_not_taken_for_band_limited() -> None:
    spectrum = np.fft.rfft(burst(2, 1.0))
    hz = np.fft.rfftfreq(RATE, 1 / RATE)
    thud = np.fft.irfft(spectrum / (1 + (hz / 150) ** 2), RATE).astype(np.float32)
    assert not audio.is_band_limited(thud, RATE)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (encode(np.zeros(RATE, np.float32)), "silent"),
        (encode(0.2 * burst()[:800]), "too short"),
        (b"", "cannot be decoded"),
        (b"OggS" + b"\0" * 50, "cannot be decoded"),
        (encode(np.full(RATE, np.nan, np.float32)), "not finite"),
    ],
)
def test_what_cannot_be_used_says_why(data: bytes, reason: str) -> None:
    with pytest.raises(audio.Unusable, match=reason):
        audio.prepare(data)


def test_the_same_recording_is_recognised_at_another_level_and_coding() -> None:
    waves = [audio.prepare(encode(0.3 * burst(seed))).wave for seed in range(4)]
    buffer = io.BytesIO()
    soundfile.write(buffer, 0.05 * burst(2), RATE, format="OGG", subtype="VORBIS")
    waves.append(audio.prepare(buffer.getvalue()).wave)
    prints = np.stack([audio.fingerprint(wave) for wave in waves])
    seconds = np.array([len(wave) / audio.SAMPLE_RATE for wave in waves])
    assert audio.near_duplicates(prints, seconds) == {4: 2}


def test_captions_say_only_what_is_known() -> None:
    rng = np.random.default_rng(0)
    plain = {text for _ in range(30) for text in captions(Facts("glass_break"), rng, 5)}
    assert not any(word in text for text in plain for word in ("loud", "quick", "distance"))
    facts = Facts("footstep_gravel", count=3, pace="fast", loudness="soft", place="in a hall")
    rich = " ".join(text for _ in range(20) for text in captions(facts, rng, 5))
    for word in ("three steps", "quick", "soft", "in a hall"):
        assert word in rich


def test_captions_are_many_repeatable_and_plain_first() -> None:
    facts = Facts("door_close", loudness="loud")
    first = captions(facts, np.random.default_rng(4), 5)
    assert first == captions(facts, np.random.default_rng(4), 5)
    assert first[0] == "a door closing"
    assert len(set(first)) == 5


def test_every_category_can_be_said_in_more_than_one_way() -> None:
    for row in CATEGORIES.values():
        assert len(heads(row)) >= 2, row.name


def test_facts_are_read_from_names() -> None:
    assert facts_from_name("footstep_gravel", "Footstep_Gravel_Running").pace == "fast"
    assert facts_from_name("impact_metal", "ClangHard1").loudness == "loud"
    assert facts_from_name("door_close", "door_close").distance == ""


@pytest.mark.parametrize(
    ("label", "path", "kind", "expected"),
    [
        ("footsteps", "a/fs_gravel1.ogg", "recorded", "footstep_gravel"),
        ("door", "x/doors_door_open.ogg", "recorded", "door_open"),
        ("door", "x/mesecons_noteblock_a.ogg", "recorded", ""),
        ("laser_scifi", "x/laser.ogg", "designed", ""),
        ("rain", "x/rain.ogg", "ambience", "rain"),
        ("drum_percussion", "x/snare.wav", "percussion", ""),
    ],
)
def test_labels_of_debian_files(label: str, path: str, kind: str, expected: str) -> None:
    assert debian_category(label, path, kind) == expected


def test_labels_of_collected_folders() -> None:
    assert foley_category("footstep_concrete") == "footstep_stone"
    assert foley_category("impact_generic") == ""
    assert foley_category("glass_break") == "glass_break"
    assert esc10_category("009 - Rooster") == "poultry"


@pytest.mark.parametrize(
    ("stated", "name"),
    [
        ("CC0", "CC0-1.0"),
        ("CC-BY-SA-3.0+", "CC-BY-SA-3.0"),
        ("CC-BY-SA-3.0-us", "CC-BY-SA-3.0"),
        ("CC-BY-SA-3.0 or GPL-3 or GPL-2", "CC-BY-SA-3.0"),
        ("zlib or GPL-2 or CC-BY-3.0", "CC-BY-3.0"),
        ("Expat", "MIT"),
    ],
)
def test_licences_that_are_taken(stated: str, name: str) -> None:
    licence = parse_licence(stated)
    assert licence is not None
    assert licence.name == name


@pytest.mark.parametrize(
    "stated",
    ["", "GPL-3", "CC-BY-NC-4.0", "CC-BY-ND-3.0", "mixed(GPL-3+/zlib/CC)", "MPL-2.0", "free-art"],
)
def test_licences_that_are_refused(stated: str) -> None:
    assert parse_licence(stated) is None


def test_a_package_is_on_one_side_only() -> None:
    assert split_of("openclonk-data") == "test"
    assert split_of("0ad-data") == "train"
    assert split_of("ESC-10/5") == "test"
    assert "ESC-10/1" not in TEST_PACKAGES


def test_a_spectrogram_shows_a_tone_where_it_is() -> None:
    t = np.arange(audio.SAMPLE_RATE) / audio.SAMPLE_RATE
    picture = spectrogram(np.sin(2 * np.pi * 1000 * t).astype(np.float32))
    hz = np.geomspace(60.0, audio.SAMPLE_RATE / 2 * 0.98, len(picture))[::-1]
    assert abs(hz[int(picture[:, 240].argmax())] / 1000 - 1) < 0.1
    data = png(picture)
    assert data.startswith(b"\x89PNG")


def test_authors_are_found_in_a_packages_copyright_file() -> None:
    text = (
        "Format: dep5\n\nFiles: *\nCopyright: 2010 The Game <a@b.c>\nLicense: CC-BY-3.0\n\n"
        "Files: sound/birds/*\n  sound/crow.wav\nCopyright: (c) 2004-2009, Ann\n 2011 Bob\n"
        "License: CC0\n\nFiles: debian/*\nCopyright: 2020 Packager\nLicense: GPL\n"
    )
    stanzas = parse_stanzas(text)
    assert holders(stanzas, "usr/share/game/sound/birds/a.ogg") == "Ann; Bob"
    assert holders(stanzas, "usr/share/game/data.zip!/sound/crow.wav") == "Ann; Bob"
    assert holders(stanzas, "usr/share/game/door.ogg") == "The Game"
    assert holders([], "usr/x.ogg") == ""
