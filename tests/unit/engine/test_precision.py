"""What the nets are computed in: chosen by device and model, told with takes, and asked for."""

from pathlib import Path

import pytest
import torch

from vatt_engine import precision
from vatt_engine.errors import DeviceUnavailable
from vatt_engine.manifest import read_manifest, write_manifest
from vatt_engine.model_folder import load_model
from vatt_engine.model_writing import save_model
from vatt_engine.precision import PRECISIONS, Precision, choose_precision, run_dtype

CPU, CUDA, MPS = (torch.device(name) for name in ("cpu", "cuda", "mps"))
WIDE, HALF = torch.float32, torch.bfloat16


@pytest.fixture(params=[True, False], ids=["hardware", "no hardware"])
def hardware(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """A CPU that multiplies bfloat16, and one that does not."""
    monkeypatch.setattr(precision, "has_bf16", lambda _: request.param)
    return bool(request.param)


def test_a_cpu_takes_bfloat16_where_it_is_fast_and_known_to_sound_the_same(hardware: bool) -> None:
    fits = choose_precision(CPU, wide_lm=False, audio_fits=True)
    assert fits == ("audio-bfloat16" if hardware else "float32")
    assert choose_precision(CPU, wide_lm=False, audio_fits=False) == "float32"
    # Memory, not speed, asks for this one.
    assert choose_precision(CPU, wide_lm=True, audio_fits=False) == "lm-bfloat16"
    wide = choose_precision(CPU, wide_lm=True, audio_fits=True)
    assert wide == ("bfloat16" if hardware else "lm-bfloat16")


def test_other_devices_choose_as_ever(hardware: bool) -> None:
    assert choose_precision(CUDA, wide_lm=False, audio_fits=False) == "bfloat16"
    assert choose_precision(MPS, wide_lm=False, audio_fits=True) == "float32"


@pytest.mark.parametrize(
    ("asked", "lm", "audio"),
    [
        ("float32", WIDE, WIDE),
        ("bfloat16", HALF, HALF),
        ("lm-bfloat16", HALF, WIDE),
        ("audio-bfloat16", WIDE, HALF),
    ],
)
def test_what_is_asked_for_behind_the_device_is_had(
    asked: Precision, lm: torch.dtype, audio: torch.dtype, hardware: bool
) -> None:
    model = load_model("tiny", f"cpu+{asked}")
    assert model.precision == asked
    assert model.converter.llm.get_parameter("model.norm.weight").dtype == lm
    assert model.audio.code_proj.weight.dtype == audio
    # What codes are drawn from, sound and picture stay in 32 bits.
    assert model.audio.heads.weight.dtype == WIDE
    assert {p.dtype for p in model.codec.parameters()} == {WIDE}
    assert {p.dtype for p in model.visual.parameters()} == {WIDE}
    assert load_model("tiny", "cpu", asked).precision == asked


def test_several_manners_go_together_and_unknown_ones_are_refused() -> None:
    assert load_model("tiny", "cpu+offload+float32").precision == "float32"
    with pytest.raises(DeviceUnavailable, match="float64"):
        load_model("tiny", "cpu+float64")


def test_a_model_says_whether_its_audio_model_fits(tmp_path: Path, hardware: bool) -> None:
    folder = tmp_path / "fitting"
    manifest = save_model(load_model("tiny"), folder)
    assert load_model(folder).precision == "float32"
    write_manifest(folder, type(manifest)(**{**vars(manifest), "audio_in_bfloat16": True}))
    assert read_manifest(folder).audio_in_bfloat16
    # It says nothing about what the model is.
    assert read_manifest(folder).model_hash == manifest.model_hash
    model = load_model(folder)
    assert model.precision == ("audio-bfloat16" if hardware else "float32")
    assert save_model(model, tmp_path / "copy").audio_in_bfloat16


def test_the_bundled_model_fits(hardware: bool) -> None:
    wanted = "audio-bfloat16" if hardware else "float32"
    assert load_model("vatt-mini", "cpu").precision == wanted


def test_pictures_are_seen_in_16_bits_on_a_gpu_alone() -> None:
    assert {run_dtype("visual", CPU, p) for p in PRECISIONS} == {WIDE}
    assert run_dtype("visual", CUDA, "bfloat16") == torch.float16
    assert run_dtype("visual", CUDA, "float32") == WIDE
