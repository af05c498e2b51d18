"""Streaming safetensors: readable by the real library, one tensor in memory at a time."""

import hashlib
import weakref
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from vatt_engine.errors import Cancelled
from vatt_engine.official.writing import Planned, planned, write_safetensors


def test_files_are_what_the_library_reads(tmp_path: Path) -> None:
    tensors = {
        "half": torch.randn(3, 5).half(),
        "brain": torch.randn(7).bfloat16(),
        "codes": torch.arange(6).view(2, 3),
        "flag": torch.tensor([True, False, True]),
        "turned": torch.randn(4, 6).T,
        "scalar": torch.tensor(1.5),
        "empty": torch.zeros(0, 3),
    }
    path = tmp_path / "w.safetensors"
    entry = write_safetensors(path, {name: planned(t) for name, t in tensors.items()})
    read = load_file(path)
    assert read.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert read[name].dtype == tensor.dtype
        assert torch.equal(read[name], tensor)
    assert entry.n_bytes == path.stat().st_size
    assert entry.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_only_one_tensor_is_alive_at_a_time(tmp_path: Path) -> None:
    alive: list[weakref.ref[Tensor]] = []
    most = 0

    def make() -> Tensor:
        nonlocal most
        tensor = torch.ones(1000)
        alive.append(weakref.ref(tensor))
        most = max(most, sum(ref() is not None for ref in alive))
        return tensor

    plan = {str(n): Planned((1000,), torch.float32, make) for n in range(20)}
    write_safetensors(tmp_path / "w.safetensors", plan)
    assert len(alive) == 20
    assert most == 1


def test_progress_can_stop_the_writing(tmp_path: Path) -> None:
    def stop(n_bytes: int) -> None:
        raise Cancelled(str(n_bytes))

    with pytest.raises(Cancelled, match="12"):
        write_safetensors(tmp_path / "w.safetensors", {"a": planned(torch.zeros(3))}, stop)


def test_a_tensor_that_turns_out_another_is_no_quiet_corruption(tmp_path: Path) -> None:
    plan = {"a": Planned((3,), torch.float32, lambda: torch.zeros(4))}
    with pytest.raises(RuntimeError, match="did not become"):
        write_safetensors(tmp_path / "w.safetensors", plan)
