"""``vatt`` as a user runs it: real processes, the model ``tiny``, a real film, a failing disk."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import opentimelineio as otio
import pytest
import soundfile

from tests.helpers import fake_engine
from tests.helpers.movies import write_numbered
from vatt_plugin import product
from vatt_plugin.levels import CEILING_DBTP

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="limits files as Linux does"),
]

PATIENCE_S = 240


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment whose logs and caches stay in the test's folder."""
    places = {f"XDG_{name}_HOME": str(tmp_path / "home") for name in ("STATE", "CACHE", "DATA")}
    return {**os.environ, **places, "QT_QPA_PLATFORM": "offscreen"}


def vatt(
    environment: dict[str, str], *words: object, check: int | None = 0
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*product.command("cli"), *map(str, words)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env=environment,
        check=False,
    )
    assert "Traceback" not in done.stderr
    if check is not None:
        assert done.returncode == check, done.stderr + done.stdout
    return done


def last_event(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return body


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def make_cut(folder: Path, numbers: Sequence[int] = (0, 20)) -> Path:
    """Two clips of 10 frames of one film."""
    write_numbered(folder / "film.mp4", 50, fps=25)
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    for number in numbers:
        span = otio.opentime.TimeRange(
            otio.opentime.RationalTime(number, 25), otio.opentime.RationalTime(10, 25)
        )
        whole = otio.opentime.TimeRange(
            otio.opentime.RationalTime(0, 25), otio.opentime.RationalTime(50, 25)
        )
        reference = otio.schema.ExternalReference("film.mp4", whole)
        track.append(otio.schema.Clip(f"Shot_{number}", reference, span))
    timeline = otio.schema.Timeline("Reel")
    timeline.global_start_time = otio.opentime.RationalTime(25 * 3600, 25)
    timeline.tracks.append(track)
    path = folder / "cut.otio"
    otio.adapters.write_to_file(timeline, str(path))
    return path


WORDS = ["--model", "tiny", "--device", "cpu", "--takes", "2", "--handles", "0.4", "--json"]


@dataclass(frozen=True)
class Foley:
    """A cut with its Foley, as one command left it; the tests write beside it, not into it."""

    cut: Path
    out: Path
    preview: Path
    cut_files: dict[str, str]
    last: dict[str, Any]


@pytest.fixture(scope="module")
def foley(tmp_path_factory: pytest.TempPathFactory) -> Foley:
    folder = tmp_path_factory.mktemp("foley")
    (folder / "in").mkdir()
    cut = make_cut(folder / "in")
    before = files_of(cut.parent)
    out, preview = folder / "a.otio", folder / "a.mp4"
    words = ["generate", cut, "-o", out, *WORDS, "--preview", preview]
    return Foley(cut, out, preview, before, last_event(vatt(dict(os.environ), *words)))


def files_of(folder: Path) -> dict[str, str]:
    return {path.name: digest(path) for path in folder.iterdir()}


def sounds_of(last: dict[str, Any]) -> dict[str, str]:
    wavs = [Path(take["wav"]) for clip in last["clips"] for take in clip["takes"]]
    return {wav.name: digest(wav) for wav in wavs}


def test_a_cut_gets_its_foley_and_nothing_of_it_is_touched(foley: Foley) -> None:
    assert foley.last["event"] == "finished"
    assert [clip["status"] for clip in foley.last["clips"]] == ["done", "done"]
    for take in (take for clip in foley.last["clips"] for take in clip["takes"]):
        assert soundfile.info(take["wav"]).frames == (10 + 20) * 1920
        assert take["peak_dbtp"] is None or take["peak_dbtp"] <= CEILING_DBTP
    assert files_of(foley.cut.parent) == foley.cut_files
    timeline = otio.adapters.read_from_file(str(foley.out))
    clips = list(timeline.tracks[-1].find_clips())
    assert [clip.source_range.duration.value for clip in clips] == [10, 10]
    assert [clip.source_range.start_time.value for clip in clips] == [10, 10]
    with av.open(str(foley.preview)) as film:
        assert film.streams.video[0].frames == 20
        assert film.streams.audio[0].codec_context.sample_rate == 48_000


def test_the_same_command_gives_the_same_sounds(
    foley: Foley, tmp_path: Path, home: dict[str, str]
) -> None:
    again = last_event(vatt(home, "generate", foley.cut, "-o", tmp_path / "b.otio", *WORDS))
    assert sounds_of(again) == sounds_of(foley.last)


def test_a_bare_film_is_a_cut_of_one_clip(tmp_path: Path, home: dict[str, str]) -> None:
    film = write_numbered(tmp_path / "film.mp4", 12, fps=24)
    words = ["generate", film, "--model", "tiny", "--profile", "post", "--prompt", "steps"]
    last = last_event(vatt(home, *words, "--json"))
    (clip,) = last["clips"]
    assert clip["status"] == "done"
    assert Path(last["output"]) == tmp_path / "film_foley.otio"
    assert otio.adapters.read_from_file(last["output"]).tracks[-1].name == "Foley 1"


def test_doctor_finds_a_healthy_engine(home: dict[str, str]) -> None:
    done = vatt(home, "doctor", "--json")
    topics = {f["topic"]: f for f in last_event(done)["findings"]}
    assert topics["engine"]["facts"]["devices"][0]["id"] == "cpu"


# --- the entry points of plugin.json -----------------------------------------------------------


def test_the_manifest_has_the_products_version_and_every_field() -> None:
    from vatt_engine.version import engine_version

    manifest = product.manifest()
    fields = """schema id name version api_version license runtime entry_points actions hosts
    capabilities permissions requirements"""
    assert set(fields.split()) <= set(manifest)
    assert manifest["version"] == engine_version()
    assert set(manifest["entry_points"]) == {"panel", "cli", "engine", "otio"}
    for action in manifest["actions"]:
        assert action["entry_point"] in manifest["entry_points"]


def start(name: str, environment: dict[str, str], *words: str, **kwargs: Any) -> Any:
    return subprocess.run(
        product.command(name, *words),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env=environment,
        check=False,
        **kwargs,
    )


def test_the_entry_point_of_the_engine_answers(home: dict[str, str]) -> None:
    lines = '{"type": "hello", "protocol": 1, "warm": false}\n{"type": "models", "job_id": "m"}\n'
    done = start("engine", home, input=lines + '{"type": "shutdown"}\n')
    assert done.returncode == 0
    kinds = [json.loads(line)["type"] for line in done.stdout.splitlines()]
    assert kinds == ["ready", "finished"]


def test_vatt_engine_serve_is_the_same(home: dict[str, str]) -> None:
    done = start("cli", home, "engine", "serve", input='{"type": "hello", "warm": false}\n')
    assert done.returncode == 0
    assert json.loads(done.stdout.splitlines()[0])["type"] == "ready"


def test_the_entry_point_of_the_command_line_answers(home: dict[str, str]) -> None:
    assert start("cli", home, "--version").stdout.startswith("vatt ")


def test_the_entry_point_of_otio_shows_our_plugins(home: dict[str, str]) -> None:
    done = start("otio", home)
    assert done.returncode == 0
    assert "vatt_search_roots" in done.stdout


def test_the_entry_point_of_the_panel_says_that_there_is_no_display(
    home: dict[str, str],
) -> None:
    bare = {k: v for k, v in home.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    bare.pop("QT_QPA_PLATFORM")
    done = start("panel", bare)
    assert done.returncode == 2
    assert "display" in done.stderr.lower()
    assert "Traceback" not in done.stderr


# --- disks that fail ---------------------------------------------------------------------------


def run_limited(
    tmp_path: Path, environment: dict[str, str], limit: int, *words: object
) -> subprocess.CompletedProcess[str]:
    """``vatt`` with a fake engine, where no file may grow over ``limit`` bytes."""
    program = (
        "import resource, signal, sys\n"
        "from vatt_plugin import product\n"
        "from vatt_plugin.cli.main import main\n"
        f"product.command = lambda *_: [sys.executable, '-S', {fake_engine.__file__!r}, 'good']\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "import vatt_plugin.batch, vatt_plugin.bwf\n"
        "real = vatt_plugin.bwf.write\n"
        "def limited(*args):\n"
        f"    resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {resource.RLIM_INFINITY}))\n"
        "    real(*args)\n"
        "vatt_plugin.bwf.write = limited\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env=environment,
        check=False,
    )


def test_a_disk_full_in_the_middle_of_a_wav_keeps_everything_earlier(
    tmp_path: Path, home: dict[str, str]
) -> None:
    cut = make_cut(tmp_path)
    out = tmp_path / "out.otio"
    words = ["generate", cut, "-o", out, "--prompt", "x"]
    assert run_limited(tmp_path, home, resource.RLIM_INFINITY, *words).returncode == 0
    earlier, sounds = digest(out), sorted((tmp_path / "out_foley").iterdir())
    done = run_limited(tmp_path, home, 20_000, *words, "--seed", 9, "--force")
    assert done.returncode == 1
    assert "not saved" in done.stderr
    assert "Free" in done.stderr
    assert "Traceback" not in done.stderr
    assert digest(out) == earlier
    assert sorted((tmp_path / "out_foley").iterdir()) == sounds
    again = run_limited(tmp_path, home, resource.RLIM_INFINITY, *words, "--seed", 9, "--force")
    assert again.returncode == 0
    assert digest(out) != earlier


KILL_AT = """
import os, signal, sys
from pathlib import Path
from vatt_plugin import bwf
step, path = int(sys.argv[1]), Path(sys.argv[2])
count = 0
def watched(real):
    def call(*args, **kwargs):
        global count
        count += 1
        if count == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **kwargs)
    return call
bwf.os.fsync = watched(os.fsync)
bwf.os.open = watched(os.open)
Path.replace = watched(Path.replace)
Path.open = watched(Path.open)
bwf.itertools.chain = watched(bwf.itertools.chain)
bwf.write(path, bwf.WavFacts(n_samples=1000), [bytes(3000)])
"""


def test_a_kill_at_any_step_of_saving_leaves_the_old_file_or_the_new(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    outcomes = []
    for step in range(1, 20):
        path.write_bytes(b"old")
        done = subprocess.run([sys.executable, "-c", KILL_AT, str(step), str(path)], check=False)
        whole = path.read_bytes()
        if whole != b"old":
            assert soundfile.info(path).frames == 1000
        outcomes.append((done.returncode, whole == b"old"))
        if done.returncode == 0:
            break
    assert outcomes[0] == (-9, True)
    assert outcomes[-1] == (0, False)
    assert (-9, False) in outcomes  # killed after the rename: the new one stands


def test_a_span_is_reworked_and_all_is_made_again_from_the_timeline(
    foley: Foley, tmp_path: Path, home: dict[str, str]
) -> None:
    new = tmp_path / "new.otio"
    earlier = files_of(foley.out.parent / "a_foley")
    clips = otio.adapters.read_from_file(str(foley.out)).tracks[-1].find_clips()
    old_wavs = [foley.out.parent / clip.media_reference.target_url for clip in clips]
    hit = ["--add-hit", "0.2:0.6"]
    span = ["--take", "Shot_0", "--between", "01:00:00:03", "01:00:00:06"]
    media = ["--media-dir", foley.cut.parent, "--json"]
    reworked = last_event(vatt(home, "rework", foley.out, *span, *hit, "-o", new, *media))
    assert files_of(foley.out.parent / "a_foley") == earlier
    before, after = (soundfile.read(p, dtype="int32")[0] for p in (old_wavs[0], reworked["wav"]))
    changed = (before != after).nonzero()[0] / 48_000 - 0.4
    seam_s = 0.1  # four code frames of cross-fade
    assert 0.12 - seam_s < changed[0] < 0.2
    assert 0.16 < changed[-1] < 0.24 + seam_s

    last = last_event(vatt(home, "remake", new, *media))
    assert (last["takes"], last["same"]) == (2, 2), "a take of a span, and one as it was generated"
    again = sorted(digest(path) for path in (tmp_path / "new_remade").glob("*.wav"))
    assert again == sorted(digest(path) for path in (old_wavs[1], Path(reworked["wav"])))
