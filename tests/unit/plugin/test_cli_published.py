"""Command lines around published models: what they ask the engine for."""

import argparse
from typing import Any

import pytest

from vatt_plugin.cli import bench, console, models_import, models_pull
from vatt_plugin.errors import UsageError


def parse(module: Any, *words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    module.add_parser(parser.add_subparsers())
    return parser.parse_args(words)


def test_published_bench_passes_layers_batches_and_steps() -> None:
    args = parse(bench, "bench", "--size", "published", "--layers", "2", "--batch", "1,16")
    assert bench._options(args) == {
        "size": "published", "layers": 2, "batches": [1, 16], "compiled": False
    }  # fmt: skip
    assert bench._options(parse(bench, "bench", "--steps", "4")) == {"steps": 4}


def test_batches_that_are_no_numbers_are_a_usage_error() -> None:
    with pytest.raises(UsageError, match="whole numbers"):
        bench._options(parse(bench, "bench", "--size", "published", "--batch", "1,many"))


def test_offload_rides_on_the_device() -> None:
    args = parse(bench, "bench", "--device", "cuda:1", "--offload")
    assert console.device_of(args) == "cuda:1+offload"
    assert console.device_of(parse(bench, "bench")) == "auto"


def test_an_import_needs_a_name() -> None:
    with pytest.raises(SystemExit):
        parse(models_import, "import", "folder")
    args = parse(models_import, "import", "folder", "--as", "vatt-gemma-t", "--probe", "clips")
    assert (args.name, args.probe, args.dry_run) == ("vatt-gemma-t", "clips", False)


def test_only_licences_said_yes_to_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    licences = [
        {"id": "a", "name": "A", "page": "p"},
        {"id": "b", "name": "B", "page": "p"},
        {"id": "c", "name": "C", "page": "p"},
    ]
    answers = iter(["y", ""])
    monkeypatch.setattr("builtins.input", lambda _: next(answers))
    assert models_pull._ask_for(licences, {"b"}) == {"a"}
