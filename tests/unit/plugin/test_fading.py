"""Fades where a re-cut goes through a sound: no click at the cut, every other sample as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from tests.helpers.timelines import AUDIO, clip, gap, placements, save, timeline, track
from vatt_plugin.cli.main import main
from vatt_plugin.takes import FADE_S
from vatt_plugin.timeline import load, write
from vatt_plugin.timeline.wavfacts import wav_facts

A_FRAME = 2000  # samples, at 24 fps
N_FADE = round(FADE_S * 48_000)


def shot(start: float, duration: float, media: str = "m.mov") -> Any:
    return clip(media, start, duration, url=media)


def foleyed(folder: Path, *clips: Any, handle_frames: int = 0) -> Path:
    """A cut whose sounds are as loud at their ends as in their midst."""
    cut = load(save(timeline(track(*clips)), folder, "old.otio"))
    placed = placements(cut.cues, folder / "old_foley", handle_frames=handle_frames)
    for number, each in enumerate(placed):
        n = each.cue.n_samples + 2 * handle_frames * A_FRAME
        noise = np.random.default_rng(number).normal(0, 0.02, n)
        soundfile.write(each.wav_path, 0.5 + noise, 48_000, subtype="PCM_24")
    write(cut, placed, folder / "old_out.otio")
    return folder / "old_out.otio"


def conformed(old: Path, name: str, *clips: Any) -> list[tuple[Path, int, int]]:
    """File, first and end sample of what each of our clips plays after a conform."""
    new = save(timeline(track(*clips)), old.parent, f"{name}.otio")
    out = old.parent / f"{name}_out.otio"
    assert main(["conform", str(old), str(new), "-o", str(out)]) == 0
    return heard(out)


def heard(out: Path) -> list[tuple[Path, int, int]]:
    cut = load(out)
    found = []
    for info in (info for info in cut.tracks if info.ours):
        for item, child in zip(info.items, cut.document.root.tracks[info.index], strict=True):
            if item.kind == "clip":
                used, there = child.source_range, child.media_reference.available_range
                first = round((used.start_time - there.start_time).value) * A_FRAME
                end = first + round(used.duration.value) * A_FRAME
                found.append((Path(item.media), first, end))
    return found


def samples_of(path: Path) -> NDArray[np.int32]:
    samples: NDArray[np.int32] = soundfile.read(path, dtype="int32")[0]
    return samples


def original(old: Path, number: int = 0) -> Path:
    return next((old.parent / "old_foley").glob(f"*{number:012}.wav"))


def test_a_cut_through_a_sound_does_not_click(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = foleyed(tmp_path, shot(100, 48))
    before = original(old).read_bytes()
    ((path, first, end),) = conformed(old, "new", shot(110, 20))
    assert "Faded     1 " in capsys.readouterr().out
    assert (first, end) == (10 * A_FRAME, 30 * A_FRAME)
    whole, faded = samples_of(original(old)), samples_of(path)
    assert len(faded) == len(whole)
    assert faded[first] == faded[end - 1] == 0
    played = faded[first:end].astype(np.float64) / (1 << 31)
    assert np.abs(np.diff(played, prepend=0, append=0)).max() < 0.15  # the step was 0.5
    far = np.ones(len(whole), bool)
    for cut in (first, end - 1):
        far[cut - N_FADE + 1 : cut + N_FADE] = False
    assert np.array_equal(faded[far], whole[far])
    assert original(old).read_bytes() == before
    assert (path.parent / original(old).name).read_bytes() == before
    facts = wav_facts(path)
    assert facts is not None
    assert facts.bits == 24


def test_only_the_edge_that_was_cut_fades(tmp_path: Path) -> None:
    old = foleyed(tmp_path, shot(100, 48))
    ((path, first, _),) = conformed(old, "new", shot(110, 38))
    whole, faded = samples_of(original(old)), samples_of(path)
    assert np.array_equal(faded[first + N_FADE :], whole[first + N_FADE :])
    assert faded[first] == 0


def test_whole_takes_and_handles_as_they_lay_play_their_own_files(tmp_path: Path) -> None:
    old = foleyed(tmp_path, shot(100, 48), shot(0, 24, "b.mov"), handle_frames=6)
    b, a = conformed(old, "new", shot(0, 24, "b.mov"), shot(100, 48))
    assert a[0].name == original(old, 0).name
    assert b[0].name == original(old, 1).name


def test_a_shot_that_is_cut_but_plays_on_does_not_fade(tmp_path: Path) -> None:
    old = foleyed(tmp_path, shot(0, 48))
    one, two = conformed(old, "new", shot(0, 20), shot(20, 28))
    assert one[0] == two[0]
    assert np.array_equal(samples_of(one[0]), samples_of(original(old)))


def test_a_second_re_cut_starts_from_the_take_as_it_was_made(tmp_path: Path) -> None:
    old = foleyed(tmp_path, shot(100, 48))
    conformed(old, "new", shot(110, 20))
    again = tmp_path / "new_out.otio"
    ((same, first, _),) = conformed(again, "same", shot(110, 20))
    assert samples_of(same)[first] == 0  # no edge has moved, and it fades as before
    ((back, first, end),) = conformed(again, "back", shot(105, 43))
    whole, faded = samples_of(original(old)), samples_of(back)
    assert np.array_equal(faded[first + N_FADE : end], whole[first + N_FADE : end])
    ((restored, _, _),) = conformed(again, "whole", shot(100, 48))
    assert restored.name == original(old).name


def test_a_faded_take_is_ducked_too(tmp_path: Path) -> None:
    old = foleyed(tmp_path, shot(100, 96))
    speech = track(gap(24), clip("line", duration=24), name="Dialog", kind=AUDIO)
    new = save(timeline(track(shot(110, 80)), speech), tmp_path, "new.otio")
    out, again = tmp_path / "out.otio", tmp_path / "again.otio"
    assert main(["conform", str(old), str(new), "-o", str(out), "--duck", "Dialog"]) == 0
    ((path, first, _),) = heard(out)
    played = samples_of(path)[first:]
    whole = samples_of(original(old))[first:]
    assert played[0] == 0
    assert abs(played[36 * A_FRAME]) < abs(whole[36 * A_FRAME]) / 2
    assert np.array_equal(played[N_FADE : 12 * A_FRAME], whole[N_FADE : 12 * A_FRAME])
    assert main(["conform", str(out), str(new), "-o", str(again), "--no-mix"]) == 0
    ((dry, first, end),) = heard(again)
    inside = slice(first + N_FADE, end - N_FADE)
    assert np.array_equal(samples_of(dry)[inside], samples_of(original(old))[inside])


def test_silence_at_a_cut_needs_no_other_file(tmp_path: Path) -> None:
    old = foleyed(tmp_path, shot(100, 48))
    soundfile.write(original(old), np.zeros(48 * A_FRAME), 48_000, subtype="PCM_24")
    ((path, _, _),) = conformed(old, "new", shot(110, 20))
    assert path.name == original(old).name
