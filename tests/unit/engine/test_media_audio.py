"""WAVs are exact, atomic and repeatable; resampling keeps time."""

from __future__ import annotations

import contextlib
import errno
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.helpers.movies import write_numbered
from vatt_engine.errors import BadRequest, CannotWrite, MediaMissing, MediaUnreadable
from vatt_engine.media.audio import (
    WavWriter,
    read_audio,
    resample,
    resample_stream,
    sha256_of,
    write_wav,
)


def noise(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, n).astype(np.float32)


def test_what_is_written_is_what_others_read(tmp_path: Path) -> None:
    wave = noise(4801) * 2  # beyond full scale, which float WAVs keep
    digest = write_wav(tmp_path / "a.wav", wave, 48_000)
    data, rate = soundfile.read(tmp_path / "a.wav", dtype="float32")
    info = soundfile.info(tmp_path / "a.wav")
    assert rate == 48_000
    assert info.subtype == "FLOAT"
    assert np.array_equal(data, wave)
    assert digest == sha256_of(tmp_path / "a.wav")


def test_stereo_is_interleaved(tmp_path: Path) -> None:
    wave = np.stack([noise(100, 1), noise(100, 2)])
    write_wav(tmp_path / "a.wav", wave, 44_100)
    assert np.array_equal(read_audio(tmp_path / "a.wav")[0], wave)


def test_the_same_samples_give_the_same_file(tmp_path: Path) -> None:
    assert write_wav(tmp_path / "a.wav", noise(999), 48_000) == write_wav(
        tmp_path / "b.wav", noise(999), 48_000
    )


def test_pieces_are_cut_or_filled_to_the_promised_length(tmp_path: Path) -> None:
    with WavWriter(tmp_path / "long.wav", 250, 48_000) as writer:
        for _ in range(3):
            writer.write(np.ones(100, np.float32))
    with WavWriter(tmp_path / "short.wav", 250, 48_000) as writer:
        writer.write(np.ones(100, np.float32))
    assert read_audio(tmp_path / "long.wav")[0].shape == (1, 250)
    short = read_audio(tmp_path / "short.wav")[0][0]
    assert short.sum() == 100
    assert len(short) == 250


def test_a_span_can_be_replaced_before_the_file_stands(tmp_path: Path) -> None:
    wave = noise(1000)
    with WavWriter(tmp_path / "a.wav", 1000, 48_000) as writer:
        writer.write(wave[:600])
        assert np.array_equal(writer.read(100, 200), wave[100:200])
        writer.overwrite(100, np.zeros(50, np.float32))
        writer.write(wave[600:])
    wave[100:150] = 0
    assert np.array_equal(read_audio(tmp_path / "a.wav")[0][0], wave)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    before = write_wav(path, noise(10), 48_000)
    with contextlib.suppress(RuntimeError), WavWriter(path, 10, 48_000) as writer:
        writer.write(noise(5))
        raise RuntimeError("the job was cancelled")
    assert sha256_of(path) == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("vatt_engine.media.audio.os.fsync", full)
    with pytest.raises(CannotWrite, match="No space left") as caught:
        write_wav(tmp_path / "a.wav", noise(10), 48_000)
    assert "Free some disk space" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite):
        write_wav(tmp_path / "no" / "a.wav", noise(10), 48_000)


def test_a_wav_of_seven_hours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="one WAV"):
        WavWriter(tmp_path / "a.wav", 7 * 3600 * 48_000, 48_000)


@pytest.mark.parametrize(
    ("rate", "new_rate"), [(16_000, 48_000), (24_000, 48_000), (44_100, 48_000)]
)
def test_resampling_keeps_the_moment_of_a_click(rate: int, new_rate: int) -> None:
    wave = np.zeros((1, rate), np.float32)
    wave[0, rate // 4] = 1
    out = resample(wave, rate, new_rate)
    assert out.shape[1] == new_rate
    assert np.abs(out[0]).argmax() == new_rate // 4


def test_resampling_in_chunks_is_bit_for_bit_resampling_at_once() -> None:
    wave = noise(16_000)
    whole = resample(wave[None], 16_000, 48_000)[0]
    for cut in (320, 1600, 7777):
        chunks = (wave[i : i + cut] for i in range(0, len(wave), cut))
        assert np.array_equal(np.concatenate(list(resample_stream(chunks, 16_000, 48_000))), whole)


def test_the_sound_of_a_movie_can_be_read(tmp_path: Path) -> None:
    tone = np.sin(np.arange(48_000) * 2 * np.pi * 440 / 48_000).astype(np.float32)
    path = write_numbered(tmp_path / "m.mp4", 25, sound=tone)
    wave, rate = read_audio(path, 16_000)
    assert rate == 16_000
    assert wave.shape[0] == 1
    assert wave.shape[1] == pytest.approx(16_000, abs=700)
    spectrum = np.abs(np.fft.rfft(wave[0, :16_000]))
    assert spectrum.argmax() == pytest.approx(440, abs=2)


def test_files_without_sound_are_named(tmp_path: Path) -> None:
    with pytest.raises(MediaMissing):
        read_audio(tmp_path / "no.wav")
    with pytest.raises(MediaUnreadable, match="no sound"):
        read_audio(write_numbered(tmp_path / "m.mp4", 2))
    (tmp_path / "text.wav").write_text("not a sound" * 100)
    with pytest.raises(MediaUnreadable):
        read_audio(tmp_path / "text.wav")
