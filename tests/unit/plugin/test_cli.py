"""The command line against an engine that is a script: output, exit codes, what is written."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import opentimelineio as otio
import pytest
import soundfile

from tests.helpers import fake_engine
from vatt_plugin import product
from vatt_plugin.cli import main as cli

SCRIPT = str(Path(fake_engine.__file__))
FPS = 24.0
N_FRAMES = 12


def make_cut(folder: Path, *, n_clips: int = 3, offline: bool = False) -> Path:
    """A cut of clips of half a second; the media exists but holds no picture."""
    media = folder / "rushes"
    media.mkdir(exist_ok=True)
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    length = otio.opentime.TimeRange(
        otio.opentime.RationalTime(0, FPS), otio.opentime.RationalTime(N_FRAMES, FPS)
    )
    for i in range(n_clips):
        file = media / f"a{i}.mov"
        if not (offline and i == 0):
            file.write_bytes(b"not a real film")
        reference = otio.schema.ExternalReference(f"rushes/a{i}.mov", length)
        track.append(otio.schema.Clip(f"Shot_{i}", reference, length))
    timeline = otio.schema.Timeline("Reel 1")
    timeline.tracks.append(track)
    path = folder / "cut.otio"
    otio.adapters.write_to_file(timeline, str(path))
    return path


class Shell:
    """Calls ``vatt`` in this process."""

    def __init__(self, root: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self._capfd = capfd
        self.out = self.err = ""

    def __call__(self, *words: object) -> int:
        try:
            code = cli.main([str(word) for word in words])
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        self.out, self.err = self._capfd.readouterr()
        assert "Traceback" not in self.err
        return code

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    def last(self) -> dict[str, Any]:
        return self.events()[-1]


def fingerprints(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Replaces the engine; ``engine("die-once")`` chooses its manners."""

    def use(mode: str) -> None:
        command = [sys.executable, "-S", SCRIPT, mode, str(tmp_path)]
        monkeypatch.setattr(product, "command", lambda name, *words: [*command, *words])

    use("good")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return use


@pytest.fixture
def vatt(tmp_path: Path, capfd: pytest.CaptureFixture[str], engine: Callable[[str], None]) -> Shell:
    return Shell(tmp_path, capfd)


@pytest.fixture
def cut(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return make_cut(tmp_path / "in")


# --- the parser ------------------------------------------------------------------------------


def test_help_imports_nothing_that_takes_time() -> None:
    code = (
        "import sys; from vatt_plugin.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'opentimelineio', 'av', 'tqdm', 'soundfile', 'PyQt6'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for command in ("generate", "caption", "models", "doctor", "engine", "bench", "panel"):
        assert command in done.stdout


@pytest.mark.parametrize("command", ["generate", "rework", "remake", "spot"])
def test_a_path_that_leads_nowhere_is_told_at_once(command: str, tmp_path: Path) -> None:
    words = [command, str(tmp_path / "no.otio")]
    code = (
        "import sys; from vatt_plugin.cli.main import main\n"
        f"status = main({words!r})\n"
        "heavy = {'torch', 'scipy.signal', 'PyQt6'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines() == [
        f"vatt: There is no file {tmp_path / 'no.otio'}.",
        "      Check the path.",
    ]  # and no module that takes long to import
    assert done.returncode == 1


@pytest.mark.parametrize(
    "command", ["generate", "caption", "spot", "models", "doctor", "bench", "engine"]
)
def test_every_command_explains_itself(vatt: Shell, command: str) -> None:
    assert vatt(command, "--help") == 0
    assert f"vatt {command}" in vatt.out


def test_the_contract_of_generate(vatt: Shell) -> None:
    vatt("generate", "--help")
    flags = """-o --model --prompt --prompts --negative --takes --seed --clips --track --media-dir
    --sync --steps --cfg --handles --preview --device --json --force --dry-run"""
    for flag in flags.split():
        assert flag in vatt.out, flag


def test_choices_of_the_command_line_are_those_of_the_library(vatt: Shell) -> None:
    from vatt_plugin.timeline.tracks import URL_PROFILES
    from vatt_plugin.timeline.writing import PROFILES

    vatt("generate", "--help")
    assert "{" + ",".join(PROFILES) + "}" in vatt.out
    assert "{" + ",".join(URL_PROFILES) + "}" in vatt.out


def test_only_commands_that_exist_are_offered(vatt: Shell) -> None:
    vatt("--help")
    here = Path(cli.__file__).parent
    for name, _ in cli.COMMANDS:
        assert (f"  {name} " in vatt.out) == (here / f"{name}.py").is_file()


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("dance",),
        ("generate",),
        ("generate", "x.otio", "--nonsense"),
        ("generate", "x.otio", "--takes", "0"),
        ("generate", "x.otio", "--handles", "-1"),
        ("generate", "x.otio", "--cfg", "nan"),
        ("generate", "x.otio", "--prompt", "a", "--prompts", "b.csv"),
        ("models",),
    ],
)
def test_usage_errors_are_exit_status_2(vatt: Shell, words: tuple[str, ...]) -> None:
    assert vatt(*words) == 2
    assert vatt.err or vatt.out


def test_version(vatt: Shell) -> None:
    assert vatt("--version") == 0
    assert vatt.out.strip() == f"vatt {product.manifest()['version']}"


# --- generate --------------------------------------------------------------------------------


def test_a_cut_becomes_a_new_timeline_with_sound(vatt: Shell, cut: Path, tmp_path: Path) -> None:
    before = fingerprints(cut.parent)
    out = tmp_path / "out.otio"
    assert vatt("generate", cut, "-o", out, "--prompt", "steps") == 0
    assert str(out) in vatt.out
    assert fingerprints(cut.parent) == before
    written = otio.adapters.read_from_file(str(out))
    foley = [track for track in written.tracks if track.name.startswith("Foley")]
    assert len(foley) == 1
    clips = list(foley[0].find_clips())
    assert len(clips) == 3
    for clip in clips:
        url = clip.media_reference.target_url
        wav = out.parent / url.replace("%20", " ")
        assert wav.parent.name == "out_foley"
        assert soundfile.info(wav).subtype == "PCM_24"
        assert clip.metadata["vatt"]["prompt"] == "steps"


def test_the_output_is_named_after_the_input(vatt: Shell, cut: Path) -> None:
    assert vatt("generate", cut) == 0
    assert (cut.parent / "cut_foley.otio").is_file()
    assert (cut.parent / "cut_foley_foley").is_dir()


def test_a_rerun_for_some_clips_keeps_room_tone_under_all_and_previews_all(
    vatt: Shell, cut: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[int, int]] = []

    def preview(
        timeline: Any, placements: Any, path: Path, on_frame: Any, *, extra: Any, original: Any
    ) -> None:
        assert original is None
        heard.extend((p.cue.start_frame, p.cue.n_frames) for p in placements)
        heard.extend((sound.start_frame, sound.n_frames) for sound in extra)

    monkeypatch.setattr("vatt_plugin.preview.write_preview", preview)
    first, second = cut.parent / "a.otio", cut.parent / "b.otio"
    assert vatt("generate", cut, "-o", first, "--room-tone", "--handles", "0.1") == 0
    film = ("--preview", tmp_path / "b.mp4")
    some = ("--clips", "Shot_0,Shot_1", "--seed", "7", "--room-tone")
    assert vatt("generate", first, "-o", second, *some, *film) == 0
    bed = otio.adapters.read_from_file(str(second)).tracks[-1]
    assert [clip.source_range.duration.value for clip in bed.find_clips()] == [3 * N_FRAMES]
    assert sorted(heard) == [(0, N_FRAMES), (0, 3 * N_FRAMES), (N_FRAMES, N_FRAMES),
                             (2 * N_FRAMES, N_FRAMES)]  # fmt: skip


def add_line(cut: Path) -> Path:
    """Production sound on the cut's ``A1``, and a clip after it whose file is not there."""
    line = cut.parent / "rushes" / "line.wav"
    soundfile.write(line, np.full(48_000, 0.2), 48_000)
    made = otio.adapters.read_from_file(str(cut))
    length = made.tracks[0][0].source_range
    track = otio.schema.Track("A1", kind=otio.schema.TrackKind.Audio)
    for name in ("line", "gone"):
        reference = otio.schema.ExternalReference(f"rushes/{name}.wav")
        track.append(otio.schema.Clip(name, reference, length))
    made.tracks.append(track)
    otio.adapters.write_to_file(made, str(cut))
    return line


def test_the_preview_has_the_sound_of_the_cut_if_it_is_asked_for(
    vatt: Shell, cut: Path, tmp_path: Path
) -> None:
    add_line(cut)
    film = tmp_path / "film.mp4"
    words = ("generate", cut, "-o", tmp_path / "o.otio", "--preview", film)
    original = ("--preview-original", "--preview-original-db", -6.0)
    means = []
    for more in ((), original):
        assert vatt(*words, "--force", *more) == 0
        with av.open(str(film)) as opened:
            blocks = [f.to_ndarray()[0] for f in opened.decode(opened.streams.audio[0])]
        means.append(np.concatenate(blocks)[:48_000].reshape(4, -1)[:, 3_000:9_000].mean(axis=1))
        assert ("gone.wav" in vatt.err) == bool(more)
    assert means[1] - means[0] == pytest.approx([0.1, 0.1, 0, 0], abs=0.01)


def test_the_sound_of_the_cut_needs_a_film_to_be_heard_in(vatt: Shell, cut: Path) -> None:
    assert vatt("generate", cut, "--preview-original") == 2
    assert "--preview OUT.mp4" in vatt.err


def test_a_shot_too_short_for_a_loudness_is_not_called_silent(
    vatt: Shell, cut: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.otio"
    spots = tmp_path / "spots.csv"
    spots.write_text("in,out\n0,0.125\n")
    assert vatt("generate", cut, "--cues", spots, "-o", out) == 0
    assert "'a tone', peak -" in vatt.out
    assert "silent" not in vatt.out


def test_words_added_to_a_prompt_are_told(vatt: Shell, cut: Path, tmp_path: Path) -> None:
    words = ("generate", cut, "--clips", "Shot_0", "-o")
    assert vatt(*words, tmp_path / "a.otio", "--prompt", "sneakers in a gym") == 0
    assert "'sneakers in a gym' (heard as: ..., footsteps)" in vatt.out
    assert vatt(*words, tmp_path / "b.otio", "--prompt", "footsteps") == 0
    assert "heard as" not in vatt.out
    again = (*words, tmp_path / "a.otio", "--prompt", "sneakers in a gym", "--force", "--json")
    assert vatt(*again) == 0
    (clip,) = vatt.last()["clips"]
    assert (clip["kept"], clip["prompt"]) == (True, "sneakers in a gym")
    assert clip["takes"][0]["heard"] == "sneakers in a gym, footsteps"


def test_a_log_gets_a_line_for_each_clip_and_programs_only_events(
    vatt: Shell, cut: Path, tmp_path: Path
) -> None:
    assert vatt("generate", cut, "-o", tmp_path / "a.otio") == 0
    lines = [line for line in vatt.err.splitlines() if " of 3 clips" in line]
    clips = [line.split("; ")[0] for line in lines]
    assert clips == [f"vatt: {n} of 3 clips, Shot_{n - 1}: done" for n in (1, 2, 3)]
    assert vatt("generate", cut, "-o", tmp_path / "b.otio", "--json") == 0
    assert "of 3 clips" not in vatt.err + vatt.out
    assert vatt("generate", cut, "-o", tmp_path / "a.otio", "--force") == 0
    assert "of 3 clips" not in vatt.err, "nothing had to be made"


def test_json_is_one_event_a_line_and_ends_with_the_whole_result(
    vatt: Shell, cut: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.otio"
    assert vatt("generate", cut, "-o", out, "--takes", 2, "--seed", 5, "--json") == 0
    names = [event["event"] for event in vatt.events()]
    assert names[-1] == "finished"
    assert {"started", "progress", "caption", "take", "clip"} <= set(names)
    last = vatt.last()
    assert last["output"] == str(out)
    for clip in last["clips"]:
        assert (clip["status"], clip["prompt"], clip["caption"]) == ("done", None, "a tone")
        assert [take["seed"] for take in clip["takes"]] == [5, 6]
        for take in clip["takes"]:
            assert Path(take["wav"]).is_file()
            assert {"sync", "lufs", "peak_dbtp"} <= set(take)


def test_prompts_come_from_a_csv_and_unused_lines_are_told(
    vatt: Shell, cut: Path, tmp_path: Path
) -> None:
    csv = tmp_path / "p.csv"
    csv.write_text("clip,prompt,negative\nShot_0,door,music\nShot_9,ghost\n")
    args = ("generate", cut, "-o", tmp_path / "o.otio", "--prompts", csv, "--json")
    assert vatt(*args) == 0
    assert [clip["prompt"] for clip in vatt.last()["clips"]] == ["door", None, None]
    assert "Shot_9" in vatt.err


def test_only_the_wanted_clips_are_made(vatt: Shell, cut: Path, tmp_path: Path) -> None:
    args = ("generate", cut, "-o", tmp_path / "o.otio", "--json")
    assert vatt(*args, "--clips", "Shot_2,Shot_0") == 0
    assert [clip["clip"] for clip in vatt.last()["clips"]] == ["Shot_0", "Shot_2"]
    assert vatt("generate", cut, "-o", tmp_path / "p.otio", "--clips", "Shot_9") == 1
    assert "Shot_9" in vatt.err


def test_the_same_command_twice_gives_the_same_bytes(
    vatt: Shell, cut: Path, tmp_path: Path
) -> None:
    sounds = []
    for name in ("a", "b"):
        assert vatt("generate", cut, "-o", tmp_path / f"{name}.otio", "--seed", 3) == 0
        wavs = sorted((tmp_path / f"{name}_foley").glob("*.wav"))
        sounds.append({wav.name: wav.read_bytes() for wav in wavs})
    assert sounds[0] == sounds[1]
    assert len(sounds[0]) == 3
    assert vatt("generate", cut, "-o", tmp_path / "c.otio", "--seed", 4) == 0
    others = {wav.read_bytes() for wav in (tmp_path / "c_foley").glob("*.wav")}
    assert not others & set(sounds[0].values())


def test_an_existing_output_is_kept_unless_forced(vatt: Shell, cut: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.otio"
    out.write_text("precious")
    assert vatt("generate", cut, "-o", out) == 1
    assert "--force" in vatt.err
    assert out.read_text() == "precious"
    assert not (tmp_path / "out_foley").exists()
    assert vatt("generate", cut, "-o", out, "--force") == 0
    assert out.read_text() != "precious"
    assert vatt("generate", cut, "-o", cut, "--force") == 1
    assert "never written" in vatt.err


def test_media_is_never_written_whatever_is_forced(vatt: Shell, cut: Path, tmp_path: Path) -> None:
    before = fingerprints(cut.parent)
    media = cut.parent / "rushes" / "a1.mov"
    args = ("generate", cut, "-o", tmp_path / "o.otio", "--force")
    assert vatt(*args, "--preview", media) == 1
    assert "never written" in vatt.err
    assert vatt("generate", cut, "-o", media, "--force") == 1
    assert fingerprints(cut.parent) == before
    line = add_line(cut)
    film = line.rename(line.with_suffix(".mov"))
    cut.write_text(cut.read_text().replace("line.wav", "line.mov"))
    assert vatt(*args, "--preview", film) == 1
    assert "never written" in vatt.err


def test_clips_of_one_name_are_told_apart_by_timecode(vatt: Shell, cut: Path) -> None:
    made = otio.adapters.read_from_file(str(cut))
    made.global_start_time = otio.opentime.RationalTime(3600 * FPS, FPS)
    clips = made.find_clips()
    clips[2].name = clips[0].name
    otio.adapters.write_to_file(made, str(cut))
    for command in ("generate", "caption", "spot"):
        assert vatt(command, cut) == 0
        told = [line.split(": ")[0] for line in vatt.out.splitlines() if line.startswith("Shot")]
        assert told == ["Shot_0 (01:00:00:00)", "Shot_1", "Shot_0 (01:00:01:00)"], command


@pytest.mark.parametrize("command", ["generate", "caption", "spot"])
def test_damaged_media_is_told_once_a_clip_and_counted(
    vatt: Shell, cut: Path, engine: Callable[[str], None], command: str
) -> None:
    engine("damaged")
    told = "a.mov: 3 damaged places were skipped."
    assert vatt(command, cut) == 0
    notes = [line for line in vatt.err.splitlines() if told in line]
    assert notes == [f"vatt: Shot_{i}: {told}" for i in range(3)]
    assert "3 clips with damaged or missing picture" in vatt.out.splitlines()[-1]
    again = ("-o", cut.parent / "json.otio") if command == "generate" else ()
    assert vatt(command, cut, *again, "--json") == 0
    notes = [event["clip"] for event in vatt.events() if event.get("code") == "media_damaged"]
    assert notes == ["Shot_0", "Shot_1", "Shot_2"]
    assert [clip["media_notes"] for clip in vatt.last()["clips"]] == 3 * [[told]]


def test_missing_media_is_exit_status_3_and_the_others_are_made(
    vatt: Shell, tmp_path: Path
) -> None:
    cut = make_cut(tmp_path, offline=True)
    assert vatt("generate", cut, "-o", tmp_path / "out.otio", "--json") == 3
    statuses = {clip["clip"]: clip["status"] for clip in vatt.last()["clips"]}
    assert statuses == {"Shot_0": "offline", "Shot_1": "done", "Shot_2": "done"}
    assert "Shot_0" in vatt.err


def test_one_failed_clip_is_exit_status_3(
    vatt: Shell, cut: Path, tmp_path: Path, engine: Callable[[str], None]
) -> None:
    engine("fail-second")
    assert vatt("generate", cut, "-o", tmp_path / "out.otio") == 3
    assert "Shot_1 failed. No picture in it. Export it again." in vatt.err


@pytest.mark.parametrize("mode", ["fail", "die-always", "nan", "outside"])
def test_when_no_clip_gets_sound_no_timeline_is_written(
    vatt: Shell, cut: Path, tmp_path: Path, engine: Callable[[str], None], mode: str
) -> None:
    engine(mode)
    out = tmp_path / "out.otio"
    assert vatt("generate", cut, "-o", out, "--json") == 1
    assert not out.exists()
    assert vatt.last()["event"] == "finished"
    assert all(clip["error"]["message"] for clip in vatt.last()["clips"])


@pytest.mark.parametrize(
    ("mode", "code"), [("broken", "engine_unavailable"), ("old", "protocol_mismatch")]
)
def test_a_broken_engine_is_one_clear_error(
    vatt: Shell, cut: Path, tmp_path: Path, engine: Callable[[str], None], mode: str, code: str
) -> None:
    engine(mode)
    assert vatt("generate", cut, "-o", tmp_path / "out.otio", "--json") == 1
    assert vatt.last()["code"] == code
    assert vatt.last()["hint"]
    assert len(vatt.err.splitlines()) == 2


def test_bad_input_is_told_before_anything_is_started(vatt: Shell, tmp_path: Path) -> None:
    assert vatt("generate", tmp_path / "none.otio") == 1
    assert "none.otio" in vatt.err
    bad = tmp_path / "bad.otio"
    bad.write_text('{"OTIO_SCHEMA": "Timeline.1", "tra')
    assert vatt("generate", bad) == 1
    (tmp_path / "ok").mkdir()
    cut = make_cut(tmp_path / "ok")
    assert vatt("generate", cut, "-o", tmp_path / "no" / "such" / "folder.otio") == 1
    for name, why in (("o.edl", "drops all audio"), ("o.mov", "No installed OTIO adapter")):
        assert vatt("generate", cut, "-o", tmp_path / name) == 1
        assert why in vatt.err
        assert vatt("conform", cut, cut, "-o", tmp_path / name) == 1
        assert why in vatt.err
    for name in ("film.xyz", "film.wav", "film.m3u8"):
        assert vatt("generate", cut, "-o", tmp_path / "o.otio", "--preview", tmp_path / name) == 1
        assert f"The preview {name} cannot be written" in vatt.err
    assert not (tmp_path / "o_foley").exists()
    assert vatt("generate", cut, "--prompts", tmp_path / "none.csv") == 1
    assert vatt("generate", cut, "--sync", tmp_path / "none.json") == 1
    assert fingerprints(tmp_path / "ok").keys() == {
        "cut.otio",
        *(f"rushes/a{i}.mov" for i in range(3)),
    }


def test_a_folder_one_may_not_write_to(vatt: Shell, cut: Path, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    if os.access(locked, os.W_OK):  # root; even to root the kernel's own folder is closed
        locked = Path("/proc")
    assert vatt("generate", cut, "-o", locked / "out.otio") == 1
    assert str(locked) in vatt.err


def test_hostile_clip_names_stay_inside_the_folder_and_are_shown_plainly(
    vatt: Shell, tmp_path: Path
) -> None:
    cut = make_cut(tmp_path)
    names = ["../../x", "CON", "a" * 300, "/etc/x"]
    text = cut.read_text()
    for i, name in enumerate(names[:3]):
        text = text.replace(f'"Shot_{i}"', json.dumps(name + "\x1b[31m"))
    cut.write_text(text)
    out = tmp_path / "out.otio"
    assert vatt("generate", cut, "-o", out) == 0
    assert "\x1b" not in vatt.out + vatt.err
    wavs = list(tmp_path.rglob("*.wav"))
    assert len(wavs) == 3
    assert all(wav.parent == tmp_path / "out_foley" and len(wav.name) <= 120 for wav in wavs)


def test_dry_run_lists_and_writes_nothing(
    vatt: Shell, tmp_path: Path, engine: Callable[[str], None]
) -> None:
    engine("broken")  # it is not asked
    cut = make_cut(tmp_path, offline=True)
    before = fingerprints(tmp_path)
    assert vatt("generate", cut, "--dry-run", "--json") == 0
    (body,) = vatt.events()
    assert [cue["clip"] for cue in body["cues"]] == ["Shot_0", "Shot_1", "Shot_2"]
    assert [cue["status"] for cue in body["cues"]] == ["offline", "ready", "ready"]
    assert [cue["start_s"] for cue in body["cues"]] == [0.0, 0.5, 1.0]
    assert {"cue", "clip", "track", "start_s", "duration_s", "media", "status"} <= set(
        body["cues"][0]
    )
    assert vatt("generate", cut, "--dry-run") == 0
    assert "Shot_1" in vatt.out
    assert fingerprints(tmp_path) == before


def test_an_untrained_model_says_so(vatt: Shell, cut: Path, tmp_path: Path) -> None:
    assert vatt("generate", cut, "-o", tmp_path / "o.otio") == 0
    assert "untrained" in vatt.err


def test_ctrl_c_keeps_what_is_done_and_a_rerun_makes_the_rest(tmp_path: Path) -> None:
    """SIGINT in the middle of a batch: exit 130; the same command then makes only the others."""
    cut = make_cut(tmp_path, n_clips=100)
    out = tmp_path / "out.otio"
    program = (
        "import sys; from vatt_plugin import product; from vatt_plugin.cli.main import main\n"
        f"product.command = lambda *_: [sys.executable, '-S', {SCRIPT!r}, sys.argv[1], '.']\n"
        "sys.exit(main(sys.argv[2:]))"
    )
    words = ["generate", str(cut), "-o", str(out), "--json"]

    def start(mode: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", program, mode, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")},
        )

    process = start("good")
    assert process.stdout is not None
    n_done = 0
    for line in process.stdout:
        n_done += json.loads(line)["event"] == "clip"
        if n_done == 40:
            process.send_signal(signal.SIGINT)
            break
    rest, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert not out.exists()
    last = json.loads(rest.splitlines()[-1])
    assert last["event"] == "cancelled"
    n_kept = sum(clip["status"] == "done" for clip in last["clips"])
    assert 40 <= n_kept < 100
    assert "again" in err
    process = start("good")
    rest, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    clips = json.loads(rest.splitlines()[-1])["clips"]
    assert sum(clip["kept"] for clip in clips) == n_kept
    assert len(list((tmp_path / "out_foley").glob("*.wav"))) == 100


# --- the other commands ----------------------------------------------------------------------


def test_a_recut_keeps_its_sounds_and_the_rest_is_made_anew(
    vatt: Shell, cut: Path, tmp_path: Path
) -> None:
    assert vatt("generate", cut, "-o", tmp_path / "old.otio", "--prompt", "sneakers") == 0
    timeline = otio.adapters.read_from_file(str(cut))
    short, fast, moved = (clip.deepcopy() for clip in timeline.tracks[0])
    short.source_range = otio.opentime.TimeRange(
        otio.opentime.RationalTime(2, FPS), otio.opentime.RationalTime(8, FPS)
    )
    fast.effects.append(otio.schema.LinearTimeWarp("fast", time_scalar=1.25))
    timeline.tracks[0][:] = [moved, short, fast]
    recut = cut.with_name("recut.otio")
    otio.adapters.write_to_file(timeline, str(recut))
    words = ("conform", tmp_path / "old.otio", recut, "-o", tmp_path / "new.otio")
    assert vatt(*words) == 3
    assert "--regenerate" in vatt.err
    assert vatt(*words, "--regenerate", "--seed", 5, "--force") == 0
    assert "made anew  Shot_1: 'a tone', -27.0 LUFS" in vatt.out
    (anew,) = [path for path in (tmp_path / "new_foley").glob("*.wav") if "Shot 1" in path.name]
    assert soundfile.info(anew).frames == N_FRAMES * 2000
    before, after = (
        {path.name: path.read_bytes() for path in (tmp_path / name).glob("*.wav")}
        for name in ("old_foley", "new_foley")
    )
    kept = before.keys() & after.keys()
    assert len(kept) == 2
    assert all(before[name] == after[name] for name in kept)
    laid = list(otio.adapters.read_from_file(str(tmp_path / "new.otio")).tracks[-1])
    spans = [(c.source_range.start_time.value, c.source_range.duration.value) for c in laid]
    assert spans == [(0, 12), (2, 8), (0, 12)]
    assert vatt(*words, "--regenerate", "--seed", 5, "--force", "--json") == 0
    (told,) = [event for event in vatt.events() if event["event"] == "regenerated"]
    assert (told["status"], told["kept"], len(told["takes"])) == ("done", True, 1)


def test_captions_are_printed_for_people_and_programs(vatt: Shell, cut: Path) -> None:
    assert vatt("caption", cut) == 0
    assert "Shot_1: a tone" in vatt.out
    assert vatt("caption", cut, "--json") == 0
    (body,) = vatt.events()
    first = body["clips"][0]
    assert (first["clip"], first["caption"], first["score"]) == ("Shot_0", "a tone", -0.5)
    assert first["alternatives"][1] == {"caption": "a hum", "score": -1.0}


def test_captions_of_a_cut_with_missing_media(vatt: Shell, tmp_path: Path) -> None:
    cut = make_cut(tmp_path, offline=True)
    assert vatt("caption", cut, "--json") == 3
    assert vatt.last()["clips"][0]["status"] == "offline"


def test_hits_are_spotted_and_the_list_leads_the_sound(
    vatt: Shell, cut: Path, tmp_path: Path
) -> None:
    assert vatt("spot", cut) == 0
    assert "Shot_1: 0.12, 0.25" in vatt.out
    assert vatt("spot", cut, "--json") == 0
    (body,) = vatt.events()
    clip = body["clips"][1]
    assert (clip["clip"], clip["start_s"], clip["duration_s"]) == ("Shot_1", 0.5, 0.5)
    assert clip["hits"] == [{"time_s": 0.125, "strength": 0.5}, {"time_s": 0.25, "strength": 1.0}]
    assert (clip["intensity"], clip["intensity_rate_hz"]) == ([0.0, 1.0], 50.0)
    lanes = tmp_path / "lanes.json"
    lanes.write_text(vatt.out)
    out = tmp_path / "out.otio"
    assert vatt("generate", cut, "-o", out, "--sync", lanes) == 0
    track = otio.adapters.read_from_file(str(out)).tracks[-1]
    recipe = next(iter(track.find_clips())).metadata["vatt"]
    assert recipe["recipe"]["sync"] == "lane"
    assert [list(hit) for hit in recipe["lane"]["hits"]] == [[0.125, 0.5], [0.25, 1.0]]


def test_a_spotting_list_is_a_csv_that_is_not_overwritten(
    vatt: Shell, cut: Path, tmp_path: Path
) -> None:
    out = tmp_path / "hits.csv"
    assert vatt("spot", cut, "--csv", out) == 0
    lines = out.read_text().splitlines()
    assert lines[0] == "clip,track,timecode,time_s,strength"
    assert lines[3] == "Shot_1,V1,00:00:00:15,0.125,0.5"
    assert len(lines) == 1 + 3 * 2
    assert vatt("spot", cut, "--csv", out) == 1
    assert vatt("spot", cut, "--csv", out, "--force") == 0


def test_models_are_listed_and_described(vatt: Shell) -> None:
    assert vatt("models", "list") == 0
    assert "fake" in vatt.out
    assert vatt("models", "list", "--json") == 0
    assert vatt.last()["models"][0]["name"] == "fake"
    assert vatt("models", "info", "tiny", "--json") == 0
    assert vatt.last()["name"] == "tiny"


def test_doctor_works_with_a_broken_engine_and_says_so(
    vatt: Shell, engine: Callable[[str], None]
) -> None:
    engine("broken")
    assert vatt("doctor") == 1
    assert "FAIL" in vatt.out
    assert "codecs" in vatt.out
    assert vatt("doctor", "--json") == 1
    topics = {finding["topic"]: finding for finding in vatt.last()["findings"]}
    assert topics["engine"]["ok"] is False
    assert topics["engine"]["remedy"]
    assert {"program", "packages", "models", "codecs", "audio out"} <= set(topics)


def test_doctor_without_portaudio(vatt: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """``import sounddevice`` raises OSError where the library is missing."""
    import builtins

    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "sounddevice":
            raise OSError("PortAudio library not found")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    vatt("doctor", "--json")
    topics = {finding["topic"]: finding for finding in vatt.last()["findings"]}
    assert topics["audio out"]["ok"] is None
    assert "libportaudio2" in topics["audio out"]["remedy"]


def test_an_unforeseen_error_is_told_without_a_traceback(
    vatt: Shell, cut: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vatt_plugin import timeline

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(timeline, "load", broken)
    assert vatt("generate", cut, "--dry-run") == 1
    assert "ZeroDivisionError" in vatt.err
    assert "--debug" in vatt.err
    with pytest.raises(ZeroDivisionError):
        cli.main(["--debug", "generate", str(cut), "--dry-run"])
