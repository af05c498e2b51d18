"""Model folders: round trip, strictness, damage, escapes, the search path."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from vatt_engine import model_library
from vatt_engine.errors import BadModelFolder, CannotWrite, DeviceUnavailable, UnknownModel
from vatt_engine.manifest import Licence, file_sha256
from vatt_engine.model_folder import Model, load_model, resolve_device
from vatt_engine.model_library import find_model, list_models, model_info, verify_model
from vatt_engine.model_writing import save_model
from vatt_engine.sampling import sample_codes


@pytest.fixture(scope="module")
def tiny() -> Model:
    return load_model("tiny")


@pytest.fixture
def folder(tiny: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VATT_MODELS", str(tmp_path))
    save_model(
        tiny,
        tmp_path / "mine",
        description="Random",
        licences=(Licence("weights", "CC0-1.0"),),
        texts={"MODEL_CARD.md": "# mine\n"},
    )
    return tmp_path / "mine"


def edit(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = folder / "model.json"
    data = json.loads(path.read_text("utf-8"))
    change(data)
    path.write_text(json.dumps(data), "utf-8")


def rewrite(
    folder: Path, component: str, change: Callable[[dict[str, torch.Tensor]], None]
) -> None:
    """Change a component's tensors and keep model.json in step, so that only keys are wrong."""
    path = folder / f"{component}.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)

    def note(data: dict[str, Any]) -> None:
        data["files"][component] = {
            "name": path.name, "n_bytes": path.stat().st_size, "sha256": file_sha256(path)
        }  # fmt: skip

    edit(folder, note)


def test_tiny_is_the_same_every_time_and_says_it_is_untrained(tiny: Model) -> None:
    again = load_model("tiny")
    assert again.model_hash == tiny.model_hash
    assert not tiny.trained
    for key, value in tiny.audio.state_dict().items():
        assert torch.equal(value, again.audio.state_dict()[key])
    assert torch.equal(tiny.audio.codebooks, tiny.codec.codebooks)


def test_making_tiny_leaves_the_global_seed_alone() -> None:
    before = torch.get_rng_state()
    load_model("tiny")
    assert torch.equal(torch.get_rng_state(), before)


def test_tiny_sounds_and_keeps_clear_of_full_scale(tiny: Model) -> None:
    cond, mask = tiny.converter.states(torch.randn(1, 50, 32), ["door"])
    codes = sample_codes(
        tiny.audio, cond, mask, generators=[torch.Generator().manual_seed(1)],
        sampler=tiny.config.sampler,
    )  # fmt: skip
    wave = tiny.codec.decode(codes)
    assert wave.shape == (1, 1, 160_000)
    assert 0.02 < wave.std() < 0.3
    assert wave.abs().max() < 1


def test_a_saved_model_comes_back_the_same(tiny: Model, folder: Path) -> None:
    loaded = load_model("mine")
    assert loaded.model_hash == tiny.model_hash
    assert loaded.folder == folder
    assert loaded.config.name == "mine"
    video = torch.randn(1, 50, 32)
    assert torch.equal(
        loaded.converter.states(video, ["rain"])[0], tiny.converter.states(video, ["rain"])[0]
    )
    codes = torch.randint(0, 64, (1, 4, 20))
    assert torch.equal(loaded.codec.decode(codes), tiny.codec.decode(codes))
    pictures = torch.randint(0, 256, (1, 3, 40, 40), dtype=torch.uint8)
    assert torch.equal(loaded.visual(pictures), tiny.visual(pictures))
    assert load_model(folder).model_hash == tiny.model_hash
    assert (folder / "MODEL_CARD.md").read_text() == "# mine\n"


def test_bfloat16_keeps_tables_exact(folder: Path) -> None:
    model = load_model(folder, precision="bfloat16")
    assert next(model.audio.parameters()).dtype == torch.bfloat16
    assert model.audio.codebooks.dtype == torch.float32
    rotary = model.converter.llm.get_buffer("model.rotary_emb.inv_freq")
    assert rotary.dtype == torch.float32
    assert next(model.codec.parameters()).dtype == torch.float32


def test_an_existing_folder_is_not_overwritten_without_force(tiny: Model, folder: Path) -> None:
    before = (folder / "model.json").read_bytes()
    with pytest.raises(CannotWrite, match="exists already"):
        save_model(tiny, folder)
    assert (folder / "model.json").read_bytes() == before
    save_model(tiny, folder, description="new", force=True)
    assert model_info("mine")["description"] == "new"
    assert sorted(p.name for p in folder.parent.iterdir()) == ["mine"]


def test_a_failed_save_leaves_nothing(tiny: Model, tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match="cannot be written"):
        save_model(tiny, tmp_path / "m", texts={"no/such/folder.md": ""})
    assert list(tmp_path.iterdir()) == []


def test_leftovers_of_a_killed_process_are_swept_but_not_those_of_a_living_one(
    tiny: Model, tmp_path: Path
) -> None:
    old, young = tmp_path / ".m.aaaa.part", tmp_path / ".m.bbbb.part"
    for left in (old, young):
        left.mkdir()
        (left / "audio.safetensors").write_bytes(b"half")
    for path in (old / "audio.safetensors", old):
        os.utime(path, (0, 0))
    save_model(tiny, tmp_path / "m")
    assert sorted(p.name for p in tmp_path.iterdir()) == [".m.bbbb.part", "m"]


def test_a_folder_being_written_is_no_model_yet(folder: Path) -> None:
    shutil.copytree(folder, folder.parent / ".other.cccc.part")
    assert ".other.cccc.part" not in {model["name"] for model in list_models()}
    with pytest.raises(UnknownModel):
        find_model(".other.cccc.part")


@pytest.mark.parametrize(
    ("component", "change", "named"),
    [
        ("audio", lambda t: t.pop("heads.weight"), "lacks heads.weight"),
        ("audio", lambda t: t.update(extra=torch.zeros(1)), "has unknown extra"),
        ("audio", lambda t: t.update(mask_rows=torch.zeros(4, 3)), r"mask_rows is \[4, 3\]"),
        ("converter", lambda t: t.pop("video_proj.bias"), "lacks video_proj.bias"),
        ("codec", lambda t: t.pop("decoder.model.0.conv.conv.bias"), "lacks decoder.model.0"),
    ],
)
def test_a_wrong_key_or_shape_is_named(
    folder: Path, component: str, change: Callable[[dict[str, torch.Tensor]], None], named: str
) -> None:
    rewrite(folder, component, change)
    with pytest.raises(BadModelFolder, match=named):
        load_model(folder)


def truncate(folder: Path) -> None:
    path = folder / "codec.safetensors"
    path.write_bytes(path.read_bytes()[:-10])


def flip(folder: Path) -> None:
    path = folder / "audio.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def garbage(folder: Path) -> None:
    path = folder / "audio.safetensors"
    path.write_bytes(b"\x80\x04garbage")
    rename = {"name": path.name, "n_bytes": path.stat().st_size, "sha256": file_sha256(path)}
    edit(folder, lambda d: d["files"].update(audio=rename))


def escape(folder: Path) -> None:
    edit(folder, lambda d: d["files"]["codec"].update(name="../codec.safetensors"))


def link(folder: Path) -> None:
    outside = folder.parent / "outside.safetensors"
    (folder / "codec.safetensors").rename(outside)
    (folder / "codec.safetensors").symlink_to(outside)


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda f: (f / "codec.safetensors").unlink(), "codec.safetensors is missing"),
        (truncate, "codec.safetensors has .* bytes instead of"),
        (flip, "audio.safetensors has changed"),
        (garbage, "no readable safetensors"),
        (escape, "no plain file name"),
        (link, "leads out of the folder"),
        (lambda f: (f / "model.json").write_text("{"), "not JSON"),
        (lambda f: (f / "model.json").write_text("[]"), "not an object"),
        (lambda f: edit(f, lambda d: d.pop("schema")), "no schema version"),
        (lambda f: edit(f, lambda d: d.update(schema=99)), "made by a newer version"),
        (lambda f: edit(f, lambda d: d["files"].pop("audio")), "names no file for: audio"),
        (lambda f: edit(f, lambda d: d["files"].update(audio=3)), "'name'"),
        (lambda f: edit(f, lambda d: d["config"]["audio"].pop("width")), "audio"),
        (lambda f: edit(f, lambda d: d["config"].pop("codec")), "lacks: codec"),
        (lambda f: (f / "tokenizer.json").write_text("nonsense"), "tokenizer"),
    ],
)
def test_damage_is_named(folder: Path, damage: Callable[[Path], None], named: str) -> None:
    damage(folder)
    with pytest.raises(BadModelFolder, match=named) as caught:
        load_model(folder)
    assert caught.value.hint


def test_unknown_models_list_the_installed_ones_and_published_ones_say_how(folder: Path) -> None:
    with pytest.raises(UnknownModel) as caught:
        find_model("nope")
    assert "mine" in caught.value.hint
    with pytest.raises(UnknownModel) as caught:
        find_model("vatt-gemma")
    assert "vatt models import" in caught.value.hint
    for name in ("", "..", "a/b", "../mine/x"):
        with pytest.raises(UnknownModel):
            find_model(name)


def test_lists_show_damaged_models_instead_of_hiding_them(folder: Path) -> None:
    (folder.parent / "broken").mkdir()
    (folder.parent / "broken" / "model.json").write_text("{")
    listed = {model["name"]: model for model in list_models()}
    assert {"mine", "broken", "tiny"} <= listed.keys()
    assert "not JSON" in listed["broken"]["error"]
    assert listed["mine"]["licence"] == "CC0-1.0"
    json.dumps(list_models())


def test_several_model_folders_are_searched_in_order(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tmp_path / "first"
    first.mkdir()
    monkeypatch.setenv("VATT_MODELS", os.pathsep.join((str(first), str(folder.parent))))
    assert find_model("mine") == folder


def test_a_model_goes_by_its_folders_name_as_takes_that_tell_it_must_find_it_again(
    folder: Path,
) -> None:
    before = load_model(folder)
    folder.rename(folder.with_name("renamed"))
    found = load_model("renamed")
    assert found.config.name == "renamed"
    assert found.model_hash == before.model_hash


def test_info_estimates_memory_and_is_json(folder: Path) -> None:
    info = model_info("mine")
    json.dumps(info)
    assert info["memory"]["offload"] < info["memory"]["resident"]
    assert info["window_s"] == 10.0
    assert "with --offload" in info["advice"]
    json.dumps(model_info("tiny"))


def test_each_listed_model_tells_whether_it_fits_this_machine(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = model_info("mine")["memory"]["cpu"]
    for ram, fits in ((2 * needed, True), (needed, False), (0, None)):
        monkeypatch.setattr(model_library, "machine_memory", lambda ram=ram: {"ram": ram})
        (mine,) = (m for m in list_models() if m["name"] == "mine")
        assert (mine["memory_bytes"], mine["machine_bytes"]) == (needed, ram)
        assert mine["fits"] is fits


def test_verify_reads_every_file(folder: Path) -> None:
    assert verify_model("mine")["files"] == 5
    assert verify_model("tiny")["files"] == 0
    flip(folder)
    with pytest.raises(BadModelFolder, match="has changed"):
        verify_model("mine")


def test_devices_are_checked() -> None:
    assert resolve_device("cpu").type == "cpu"
    assert resolve_device("auto").type in ("cpu", "cuda", "mps")
    with pytest.raises(DeviceUnavailable, match="toaster"):
        resolve_device("toaster")
    with pytest.raises(DeviceUnavailable):
        resolve_device("cuda:99")
