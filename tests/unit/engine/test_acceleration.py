"""Recorded steps and visiting layers give what the plain ways give."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from vatt_engine.acceleration import GraphedStep, enable_graphs
from vatt_engine.errors import DeviceUnavailable
from vatt_engine.model_folder import Model, load_model
from vatt_engine.offload import offload_converter
from vatt_engine.sampling import sample_codes


@pytest.fixture
def model() -> Model:
    return load_model("tiny")


class Tape:
    """Stands in for a CUDA graph: replays a call on the same fixed memory."""

    def __init__(self) -> None:
        self.n_recorded = 0
        self.n_replayed = 0

    def __call__(self, call: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
        self.n_recorded += 1
        out = call()

        def replay() -> None:
            self.n_replayed += 1
            out.copy_(call())

        return replay, out


def sample(model: Model, prompt: str, seeds: tuple[int, ...], lane: Tensor | None = None) -> Tensor:
    video = torch.ones(len(seeds), 50, 32) * 0.1
    with torch.inference_mode():
        cond, mask = model.converter.states(video, [prompt] * len(seeds))
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    return sample_codes(
        model.audio, cond, mask, generators=generators, lane=lane, sampler=model.config.sampler
    )


def graphed(model: Model, tape: Tape) -> GraphedStep:
    enable_graphs(model.audio, model.config.longest_condition)
    step = GraphedStep(model.audio.head_logits, tape)
    model.audio.step = step
    return step


def test_recorded_steps_give_the_same_codes_for_other_prompts_too(model: Model) -> None:
    lane = torch.rand(1, 500, 2, generator=torch.Generator().manual_seed(0))
    wanted = [sample(model, p, (1,), lane) for p in ("door", "long rain on a tin roof")]
    tape = Tape()
    graphed(model, tape)
    got = [sample(model, p, (1,), lane) for p in ("door", "long rain on a tin roof")]
    for a, b in zip(got, wanted, strict=True):
        assert (a == b).float().mean() > 0.99  # padding changes the last bits of the logits
    assert tape.n_recorded == 1
    assert tape.n_replayed == 2 * model.config.sampler.steps - 2


def test_every_batch_size_has_its_own_recording(model: Model) -> None:
    tape = Tape()
    graphed(model, tape)
    one = sample(model, "door", (1,))
    two = sample(model, "door", (1, 2))
    assert tape.n_recorded == 2
    assert (one[0] == two[0]).float().mean() > 0.99


def test_the_total_length_suits_the_attention_kernel(model: Model) -> None:
    enable_graphs(model.audio, 74)
    assert model.audio.static_cond == 76
    cond = torch.zeros(1, 20, 64)
    context = model.audio.context(cond, None, 500)
    assert context.bias.shape[-1] == 576
    assert context.bias.stride(-2) % 16 == 0


def test_padding_the_condition_leaves_the_logits_as_they_are(model: Model) -> None:
    codes = torch.randint(0, 64, (2, 4, 500))
    cond = torch.randn(2, 9, 64)
    with torch.inference_mode():
        plain = model.audio(codes, cond)
        model.audio.static_cond = 30
        padded = model.audio(codes, cond)
    assert torch.allclose(plain, padded, atol=1e-4)


def test_where_recording_fails_steps_run_as_they_are(model: Model) -> None:
    def refuse(_: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
        raise RuntimeError("operation not permitted when stream is capturing")

    wanted = sample(model, "door", (1,))
    model.audio.step = GraphedStep(model.audio.head_logits, refuse)
    assert torch.equal(sample(model, "door", (1,)), wanted)


def test_released_recordings_are_made_anew(model: Model) -> None:
    tape = Tape()
    step = graphed(model, tape)
    sample(model, "door", (1,))
    step.release()
    sample(model, "door", (1,))
    assert tape.n_recorded == 2


@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad])
def test_outside_inference_mode_steps_run_as_they_are(
    model: Model, mode: Callable[[], torch.no_grad]
) -> None:
    tape = Tape()
    graphed(model, tape)
    codes, cond = torch.zeros(1, 4, 500, dtype=torch.long), torch.zeros(1, 9, 64)
    with mode():
        for _ in range(4):
            model.audio(codes, cond)
    assert tape.n_recorded == 0


def test_a_length_met_once_is_not_recorded(model: Model) -> None:
    tape = Tape()
    model.audio.step = GraphedStep(model.audio.head_logits, tape, eager_first=24)
    sample(model, "door", (1,))
    assert tape.n_recorded == 0


def test_an_offloaded_lm_says_the_same_and_goes_home(model: Model) -> None:
    video = torch.randn(1, 50, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        wanted, _ = model.converter.states(video, ["rain"])
    captions = model.converter.caption(video[0], torch.Generator().manual_seed(1))
    layer = model.converter.llm.get_submodule("model.layers.0")
    at_home = [p.data_ptr() for p in layer.parameters()]
    offload_converter(model.converter, torch.device("cpu"))
    with torch.inference_mode():
        states, _ = model.converter.states(video, ["rain"])
    assert torch.equal(states, wanted)
    assert model.converter.caption(video[0], torch.Generator().manual_seed(1)) == captions
    assert [p.data_ptr() for p in layer.parameters()] == at_home


def test_offload_is_part_of_the_device_s_name() -> None:
    assert load_model("tiny", "cpu+offload").device == torch.device("cpu")
    with pytest.raises(DeviceUnavailable, match="sideways"):
        load_model("tiny", "cpu+sideways")


@pytest.mark.gpu
def test_on_a_gpu_recorded_steps_match_plain_ones() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    recorded = load_model("tiny", "cuda", "float32")
    plain = load_model("tiny", "cuda", "float32")
    plain.audio.step = None
    plain.audio.static_cond = None
    codes = torch.randint(0, 64, (2, 4, 500), device="cuda")
    cond = torch.randn(2, 9, 64, device="cuda")
    with torch.inference_mode():
        wanted = plain.audio(codes, cond)
        context = recorded.audio.context(cond, None, 500)
        for _ in range(30):
            assert torch.allclose(recorded.audio.logits(codes, context), wanted, atol=1e-3)
