"""Published checkpoints through the public import: golden tensors, accidents, no leftovers."""

import json
import os
import pickle
import sys
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.helpers.published import CONVERTER, Published, as_published, golden_set
from vatt_engine.errors import BadCheckpoint, Cancelled, CannotWrite
from vatt_engine.model_folder import Model, load_model
from vatt_engine.model_library import model_info, verify_model
from vatt_engine.official.importer import Options, import_model
from vatt_engine.sampling import sample_codes


def run(folder: Path, models: Path, name: str = "vatt-llama-t", **options: Any) -> dict[str, Any]:
    answer = import_model(folder, name, models, Options(**options), lambda *_: None)
    json.dumps(answer)
    return answer


def imported(folder: Path, models: Path, name: str = "vatt-llama-t", **options: Any) -> Model:
    answer = run(folder, models, name, **options)
    assert answer["written"]
    return load_model(models / name)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return Published().write(tmp_path / "files")


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


# --- golden tensors --------------------------------------------------------------------------


@pytest.mark.parametrize("golden", ["audio-model-small", "audio-model-uneven"])
def test_golden_logits_come_out_of_an_imported_model(
    golden: str, sample_file: Callable[[str], Path], tmp_path: Path, models: Path
) -> None:
    _, expected = golden_set(sample_file(f"golden/{golden}"), tmp_path / "files")
    net = imported(tmp_path / "files", models, "golden").audio
    codes, cond, mask = expected["codes"], expected["cond"], expected["cond_mask"]
    for plain in (False, True):
        net.set_plain(plain)
        with torch.no_grad():
            context = net.context(cond, mask, codes.shape[-1], count_padding=True)
            nothing = torch.ones(len(cond), dtype=torch.bool)
            null = net.context(cond, mask, codes.shape[-1], drop_cond=nothing, count_padding=True)
            encoded = net.encode(codes, context)
            logits, null_logits = net.head_logits(codes, context), net.head_logits(codes, null)
        assert (encoded - expected["encoder_out"]).abs().max() < 1e-4
        assert (logits - expected["logits"]).abs().max() < 1e-4
        assert (null_logits - expected["null_logits"]).abs().max() < 1e-4
    assert net.config.layout == "official"


def test_the_16_bit_path_stays_within_a_hundredth_of_the_golden_logits(
    sample_file: Callable[[str], Path], tmp_path: Path, models: Path
) -> None:
    """Relative to the spread of the logits; guidance and draws work on differences of them."""
    _, expected = golden_set(sample_file("golden/audio-model-small"), tmp_path / "files")
    run(tmp_path / "files", models, "golden")
    net = load_model(models / "golden", precision="bfloat16").audio
    codes, cond, mask = expected["codes"], expected["cond"], expected["cond_mask"]
    with torch.no_grad():
        context = net.context(cond, mask, codes.shape[-1], count_padding=True)
        logits = net.head_logits(codes, context).float()
    off = (logits - expected["logits"]).square().mean().sqrt() / expected["logits"].std()
    assert off < 1e-2


def test_golden_codes_and_waves_come_out_of_an_imported_codec(
    sample_file: Callable[[str], Path], tmp_path: Path, models: Path
) -> None:
    golden = as_published(sample_file("golden/codec-small"), tmp_path / "golden")
    data = torch.load(golden / "compression_state_dict.bin", weights_only=True)
    embeds = [data["best_state"][f"quantizer.vq.layers.{k}._codebook.embed"] for k in range(4)]
    size, dimension = embeds[0].shape
    base = Published()
    audio = replace(base.audio, codebook_size=size, codebook_dim=dimension)
    codec = replace(base.codec, codebook_size=size, dimension=dimension)
    files = replace(base, audio=audio, codec=codec).write(tmp_path / "files")
    target = files / "audiogen" / "compression_state_dict.bin"
    target.write_bytes((golden / "compression_state_dict.bin").read_bytes())
    torch.save(torch.stack(embeds), files / "meta_pretrain_vgg_encodec_embed.pt")
    net = imported(files, models).codec
    expected = load_file(golden / "expected.safetensors")
    with torch.no_grad():
        assert torch.equal(net.encode(expected["wave"]), expected["codes"])
        decoded = net.decode(expected["codes"])
    assert (decoded - expected["decoded"]).abs().max() < 1e-4


def test_a_batch_of_an_imported_model_equals_single_runs(
    sample_file: Callable[[str], Path], tmp_path: Path, models: Path
) -> None:
    _, expected = golden_set(sample_file("golden/audio-model-small"), tmp_path / "files")
    net = imported(tmp_path / "files", models, "golden").audio
    codes, cond = expected["codes"], expected["cond"]
    mask = torch.arange(cond.shape[1]) < torch.tensor([[14], [9]])
    with torch.no_grad():
        batch = net(codes, cond, mask)
        for b, n in enumerate((14, 9)):
            single = net(codes[b : b + 1], cond[b : b + 1, :n])
            assert (batch[b] - single[0]).abs().max() < 1e-4


# --- the whole model -------------------------------------------------------------------------


def test_an_imported_model_runs_from_picture_to_wave(files: Path, models: Path) -> None:
    model = imported(files, models)
    assert model.trained
    with torch.inference_mode():
        pictures = torch.randint(0, 256, (10, 3, 48, 64), dtype=torch.uint8)
        video = model.visual(pictures)
        cond, mask = model.converter.states(video[None].expand(2, -1, -1), ["a door slams", None])
        codes = sample_codes(
            model.audio, cond, mask, generators=[torch.Generator().manual_seed(s) for s in (1, 2)],
            sampler=replace(model.config.sampler, steps=2),
        )  # fmt: skip
        wave = model.codec.decode(codes)
    assert wave.shape == (2, 1, model.config.window_samples)
    info = model_info(str(models / "vatt-llama-t"))
    assert {licence["name"] for licence in info["licences"]} >= {"CC-BY-NC-4.0", "MIT"}
    assert "CC-BY-NC-4.0" in (models / "vatt-llama-t" / "MODEL_CARD.md").read_text()
    assert verify_model(str(models / "vatt-llama-t"))["files"] == 5


def test_values_are_those_of_the_files(files: Path, models: Path) -> None:
    model, published = imported(files, models), Published()
    llm = published.llm_tensors()
    weights = model.converter.state_dict()
    assert torch.equal(weights["llm.model.norm.weight"], llm["model.norm.weight"])
    assert torch.equal(weights["llm.lm_head.weight"], llm["lm_head.weight"])
    assert torch.equal(weights["video_proj.weight"], published.projection()["video_proj.weight"])
    assert model.config.visual.mean == (0.5, 0.5, 0.5)
    assert model.config.converter.prompt_style == "vicuna"


@pytest.mark.parametrize("kind", ["full", "only"])
def test_lora_is_folded_in_once(kind: str, tmp_path: Path, models: Path) -> None:
    published = Published(lora=kind)
    answer = run(published.write(tmp_path / "files"), models)
    weights = load_model(models / "vatt-llama-t").converter.state_dict()
    lora, llm = published.lora_tensors(), published.llm_tensors()
    for name in ("layers.0.self_attn.q_proj", "layers.1.self_attn.v_proj"):
        thin = lora[f"{name}.lora_B.default.weight"] @ lora[f"{name}.lora_A.default.weight"]
        wanted = llm[f"model.{name}.weight"] + 2.0 * thin
        assert torch.allclose(weights[f"llm.model.{name}.weight"], wanted, atol=1e-6)
    untouched = "layers.0.self_attn.k_proj.weight"
    assert torch.equal(weights[f"llm.model.{untouched}"], llm[f"model.{untouched}"])
    assert not any("lora" in name for name in weights)
    assert any("folded into 4 layers" in note for note in answer["notes"])


def test_an_llm_inside_the_checkpoint_comes_first(tmp_path: Path, models: Path) -> None:
    published = Published(lora="only")
    files = published.write(tmp_path / "files")
    published.write_audio(
        files / "vatt_models" / "vatt_llama_T_final.ckpt", published.embedded_llm()
    )
    weights = imported(files, models).converter.state_dict()
    llm, name = published.llm_tensors(), "layers.0.self_attn.q_proj.weight"
    # A checkpoint that holds whole layers is complete: the converter file's LoRA is not added.
    assert torch.equal(weights[f"llm.model.{name}"], llm[f"model.{name}"] + 1)
    assert torch.equal(weights["llm.lm_head.weight"], llm["lm_head.weight"])


def test_gemma_with_its_word_embedding_in_a_file_of_its_own(tmp_path: Path, models: Path) -> None:
    published = Published(family="gemma")
    files = published.write(tmp_path / "files")
    table = torch.randn(259, published.width)
    torch.save({"weight": table}, files / "word_embeds.pth")
    model = imported(files, models, "vatt-gemma-t")
    embedding = model.converter.llm.get_parameter("model.embed_tokens.weight")
    assert torch.equal(embedding, table)
    assert model.converter.llm.get_parameter("lm_head.weight") is embedding
    assert model.config.converter.activation == "gelu_pytorch_tanh"
    assert model.config.converter.caption.instruction == 0


@pytest.mark.parametrize(
    "container",
    [
        list,
        torch.stack,
        lambda t: torch.nn.ParameterList([torch.nn.Parameter(x) for x in t]),
        lambda t: torch.nn.ModuleList([torch.nn.Embedding.from_pretrained(x) for x in t]),
        lambda t: dict(enumerate(t)),
    ],
)
def test_codebooks_in_any_container_are_compared(
    container: Callable[[Any], Any], files: Path, models: Path
) -> None:
    path = files / "meta_pretrain_vgg_encodec_embed.pt"
    tables = torch.load(path, weights_only=True)
    torch.save(container(tables), path)
    assert "The codebooks equal the codec's." in run(files, models, dry_run=True)["notes"]
    torch.save(container([t + 0.01 for t in tables]), path)
    with pytest.raises(BadCheckpoint, match=r"differ from the codec's by up to 0.01"):
        run(files, models)


def test_without_a_codebook_file_the_codec_s_own_are_taken(files: Path, models: Path) -> None:
    (files / "meta_pretrain_vgg_encodec_embed.pt").unlink()
    model = imported(files, models)
    assert torch.equal(model.audio.codebooks, model.codec.codebooks)


def test_shards_and_older_weight_norm_names_are_read(files: Path, models: Path) -> None:
    place = files / "base_llm"
    tensors = load_file(place / "model.safetensors")
    (place / "model.safetensors").unlink()
    half = len(tensors) // 2
    for n, names in enumerate((list(tensors)[:half], list(tensors)[half:]), 1):
        shard = {k: tensors[k] for k in names}
        torch.save(shard, place / f"pytorch_model-0000{n}-of-00002.bin")
    codec = files / "audiogen" / "compression_state_dict.bin"
    data = torch.load(codec, weights_only=True)
    data["best_state"] = {
        k.replace(".weight_g", ".parametrizations.weight.original0").replace(
            ".weight_v", ".parametrizations.weight.original1"
        ): v
        for k, v in data["best_state"].items()
    }
    torch.save(data, codec)
    assert imported(files, models).trained


# --- layout ----------------------------------------------------------------------------------


def test_the_probe_tells_the_layouts_apart(files: Path, models: Path, tmp_path: Path) -> None:
    """Heads that always say one code per codebook betray which reading is right."""
    published = Published()
    path = files / "vatt_models" / "vatt_llama_T_final.ckpt"
    tensors = torch.load(path, weights_only=True)
    state = tensors["state_dict"]
    pre = "audio_token_decoder."
    state[f"{pre}decoder.attn_layers.final_norm.weight"].zero_()
    state[f"{pre}decoder.attn_layers.final_norm.bias"].fill_(1.0)
    for k in range(4):
        state[f"{pre}classifier.{k}.weight"].zero_()
        state[f"{pre}classifier.{k}.weight"][k] = 1.0
    torch.save(tensors, path)
    n = published.audio.window_code_frames
    clips = tmp_path / "clips"
    clips.mkdir()
    aligned = np.repeat(np.arange(4)[None], n, axis=0)  # [T, K]: codebook k always says k
    np.save(clips / "a.npy", aligned.astype(np.int16))
    answer = run(files, models, "probed", probe=clips)
    assert answer["layout"] == "aligned"
    assert "official" in answer["notes"][-1]
    assert load_model(models / "probed").config.audio.layout == "aligned"
    official = np.arange(4 * n).reshape(n, 4) // n  # place p = 4 f + c is told by head p div T
    np.save(clips / "a.npy", official.T.astype(np.int64))
    assert run(files, models, "other", probe=clips)["layout"] == "official"
    (clips / "a.npy").unlink()
    with pytest.raises(BadCheckpoint, match="no clip"):
        run(files, models, "third", probe=clips)


# --- choosing --------------------------------------------------------------------------------


def test_a_dry_run_reports_and_writes_nothing(files: Path, models: Path) -> None:
    answer = run(files, models, dry_run=True)
    assert not answer["written"]
    assert answer["layout"] == "official"
    assert {f["what"] for f in answer["found"]} == {
        "checkpoint", "converter", "codebooks", "codec", "llm", "visual"
    }  # fmt: skip
    assert not models.exists()


def test_a_dry_run_of_an_empty_folder_says_what_lacks(tmp_path: Path, models: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "vatt_models.zip").write_bytes(b"PK")
    answer = run(tmp_path / "empty", models, dry_run=True)
    assert len(answer["lacks"]) == 5
    assert "unpack it first" in answer["ignored"][0]["why"]
    with pytest.raises(BadCheckpoint, match="lacks the VATT checkpoint"):
        run(tmp_path / "empty", models)


def test_of_several_checkpoints_the_name_decides(files: Path, models: Path) -> None:
    published, place = Published(), files / "vatt_models"
    published.write_audio(place / "vatt_llama.ckpt")
    with pytest.raises(BadCheckpoint, match="several VATT checkpoints"):
        run(files, models, "mine", dry_run=True)
    other = place / "vatt_llama.ckpt"
    assert run(files, models, "mine", dry_run=True, checkpoint=other)["used"]["audio"] == str(other)


def test_training_leftovers_beside_the_files_are_no_trouble(files: Path, models: Path) -> None:
    place = files / "checkpoint-117000"
    place.joinpath("training_args.bin").write_bytes(pickle.dumps(Path("x")))
    torch.save({"lr": 0.1}, place / "scheduler.pt")
    place.joinpath("optimizer.pt").write_bytes(b"\x80\x04")
    assert run(files, models)["written"]


def test_an_existing_model_stays_without_force(files: Path, models: Path) -> None:
    run(files, models)
    before = (models / "vatt-llama-t" / "model.json").stat().st_mtime_ns
    with pytest.raises(CannotWrite, match="exists"):
        run(files, models)
    assert (models / "vatt-llama-t" / "model.json").stat().st_mtime_ns == before
    assert run(files, models, force=True)["written"]
    assert sorted(p.name for p in models.iterdir()) == ["vatt-llama-t"]


@pytest.mark.parametrize("name", ["tiny", "", "../x", "a/b", ".hidden", "x" * 80])
def test_impossible_names_are_refused(name: str, files: Path, models: Path) -> None:
    with pytest.raises(BadCheckpoint, match="cannot be a model's name"):
        run(files, models, name)


# --- damage ----------------------------------------------------------------------------------


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, ("touch evil-was-here",))


def ckpt(files: Path) -> Path:
    return files / "vatt_models" / "vatt_llama_T_final.ckpt"


def change(path: Path, edit: Callable[[dict[str, Any]], Any], key: str = "state_dict") -> None:
    data = torch.load(path, weights_only=True)
    edit(data[key] if key else data)
    torch.save(data, path)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


AUDIO = "audio_token_decoder."
DAMAGE: list[tuple[Callable[[Path], Any], str]] = [
    (lambda f: cut(ckpt(f)), "cannot be read"),
    (lambda f: cut(f / "audiogen" / "compression_state_dict.bin"), "lacks the codec"),
    (lambda f: cut(f / "base_llm" / "model.safetensors"), "no whole safetensors"),
    (lambda f: cut(f / "checkpoint-117000" / "pytorch_model.bin"), "lacks the converter"),
    (lambda f: ckpt(f).write_bytes(b"not a checkpoint"), "lacks the VATT checkpoint"),
    (lambda f: ckpt(f).write_bytes(b""), "lacks the VATT checkpoint"),
    (lambda f: ckpt(f).rename(ckpt(f).with_suffix(".part")), "lacks the VATT checkpoint"),
    (lambda f: torch.save({"state_dict": Evil()}, ckpt(f)), r"would run (posix|nt).system"),
    (lambda f: ckpt(f).write_bytes(pickle.dumps(Evil())), r"system|unsafe"),
    (lambda f: change(ckpt(f), lambda s: s.pop(f"{AUDIO}pos_embed")), "lacks .*pos_embed"),
    (lambda f: change(ckpt(f), lambda s: s.pop(f"{AUDIO}modality_v")), "lacks .*modality_v"),
    (
        lambda f: change(ckpt(f), lambda s: s.update({f"{AUDIO}film.weight": torch.ones(1)})),
        "has unknown .*film.weight",
    ),
    (
        lambda f: change(
            ckpt(f), lambda s: s.update({f"{AUDIO}classifier.2.weight": torch.ones(3)})
        ),
        r"classifier.2.weight is \[3\] instead of \[20, 16\]",
    ),
    (
        lambda f: change(
            ckpt(f),
            lambda s: s[f"{AUDIO}encoder.attn_layers.layers.1.0.0.A.weight"].add_(1),
        ),
        "layers.1.0.0.A.weight differs from|differs from .*layers",
    ),
    (lambda f: change(ckpt(f), lambda s: s.update(critic=torch.ones(1))), "unknown critic"),
    (
        lambda f: change(
            f / "checkpoint-117000" / "pytorch_model.bin",
            lambda s: s.update({f"{CONVERTER}video_proj.bias": torch.ones(3)}), "",
        ),
        r"video_proj.bias is \[3\]",
    ),
    (
        lambda f: change(
            f / "audiogen" / "compression_state_dict.bin",
            lambda s: s.pop("decoder.model.0.conv.conv.bias"), "best_state",
        ),
        "lacks decoder.model.0.conv.conv.bias",
    ),
    (
        lambda f: change(
            f / "audiogen" / "compression_state_dict.bin", lambda d: d.update({"xp.cfg": "- a"}), ""
        ),
        "no xp.cfg",
    ),
    (lambda f: (f / "base_llm" / "config.json").write_text("{"), "lacks the base LLM"),
    (lambda f: (f / "base_llm" / "tokenizer.json").unlink(), "neither tokenizer.json"),
    (lambda f: (f / "base_llm" / "tokenizer.json").write_text("{}"), "no readable tokenizer"),
    (lambda f: (f / "eva02" / "open_clip_config.json").write_text("{}"), "no visual encoder"),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "named"), DAMAGE)
def test_damage_is_named_and_leaves_no_model_folder(
    damage: Callable[[Path], Any], named: str, files: Path, models: Path,
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    damage(files)
    with pytest.raises(BadCheckpoint, match=named) as caught:
        run(files, models)
    assert caught.value.message
    assert not models.exists() or list(models.iterdir()) == []
    assert not (tmp_path / "evil-was-here").exists()


def test_a_missing_llm_tensor_and_an_unknown_one_are_named(files: Path, models: Path) -> None:
    path = files / "base_llm" / "model.safetensors"
    tensors = load_file(path)
    name = "model.layers.1.mlp.up_proj.weight"
    save_file({k: v for k, v in tensors.items() if k != name}, path)
    with pytest.raises(BadCheckpoint, match=r"lacks .*layers\.1\.mlp\.up_proj\.weight"):
        run(files, models)
    save_file({**tensors, "model.layers.7.mlp.up_proj.weight": tensors[name].clone()}, path)
    with pytest.raises(BadCheckpoint, match=r"unknown .*layers\.7"):
        run(files, models)
    assert run(files, models, ignore_unknown=True)["written"]


def test_quantised_weights_are_refused(files: Path, models: Path) -> None:
    path = files / "base_llm" / "model.safetensors"
    tensors = load_file(path)
    name = "model.layers.0.mlp.up_proj.weight"
    save_file({**tensors, name: tensors[name].to(torch.int8)}, path)
    with pytest.raises(BadCheckpoint, match="quantised"):
        run(files, models)
    save_file({**tensors, name: tensors[name].to(torch.float8_e4m3fn)}, path)
    with pytest.raises(BadCheckpoint, match=r"Quantised|kind that is not known"):
        run(files, models)


def test_another_visual_encoder_than_the_llm_wants_is_named(files: Path, models: Path) -> None:
    Published(video_width=40).write_visual(files / "eva02")
    with pytest.raises(BadCheckpoint, match=r"24 wide.* makes 40"):
        run(files, models)


def test_an_llm_of_the_wrong_family_or_width_is_named(files: Path, models: Path) -> None:
    with pytest.raises(BadCheckpoint, match="needs a gemma LLM"):
        run(files, models, "vatt-gemma-t")
    Published(width=48).write_llm(files / "base_llm")
    with pytest.raises(BadCheckpoint, match="LLM of width 32; found: base_llm"):
        run(files, models)


def test_cancelling_while_writing_leaves_nothing(files: Path, models: Path) -> None:
    def report(stage: str, done: int, total: int | None) -> None:
        if stage == "writing":
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        import_model(files, "vatt-llama-t", models, Options(), report)
    assert list(models.iterdir()) == []


def test_a_full_disk_is_told_before_anything_is_written(
    files: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = 10

    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage)
    with pytest.raises(CannotWrite, match="GB left"):
        run(files, models)
    assert not models.exists()


def test_lightning_s_own_classes_do_not_stop_an_import(files: Path, models: Path) -> None:
    """A checkpoint with hyper-parameters names classes of a package that need not be there."""
    path = ckpt(files)
    data = torch.load(path, weights_only=True)

    class AttributeDict(dict[str, Any]):
        pass

    AttributeDict.__module__ = "pytorch_lightning.utilities.parsing"
    AttributeDict.__qualname__ = "AttributeDict"
    fake = types.ModuleType("pytorch_lightning.utilities.parsing")
    vars(fake)["AttributeDict"] = AttributeDict
    for name in ("pytorch_lightning", "pytorch_lightning.utilities"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules[fake.__name__] = fake
    try:
        torch.save({**data, "hyper_parameters": AttributeDict(lr=0.1)}, path)
    finally:
        for name in list(sys.modules):
            if name.startswith("pytorch_lightning"):
                del sys.modules[name]
    assert run(files, models)["written"]
