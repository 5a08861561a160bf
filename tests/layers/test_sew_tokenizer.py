"""The Convolutional Tokenizer and its SEW blocks against PyTorch's own functions; patches against cut-outs."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spikeformers.layers import (
    BINARY,
    REAL,
    TERNARY,
    AvgPool,
    Conv2d,
    ConvolutionalTokenizer,
    Neuron,
    PatchTokenizer,
    SEWBlock,
    Values,
    Vocabulary,
    channel_schedule,
    integers,
)
from spikeformers.layers.norms import BatchNorm

T, B = 3, 2
PLIF = Vocabulary(neuron="plif")


def spikes(*shape: int, highest: int = 1) -> Tensor:
    return torch.randint(0, highest + 1, shape).float()


def adapted(module: nn.Module, x: Tensor) -> nn.Module:
    """In eval mode, its norms adapted to x, so that neurons fire."""
    for norm in module.modules():
        if isinstance(norm, BatchNorm):
            norm.momentum = None
    with torch.no_grad():
        module.train()(x)
    return module.eval()


def block(channels_in: int, channels_out: int, *, stride: int, kernel: int = 3, inputs: Values = BINARY) -> SEWBlock:
    torch.manual_seed(0)
    return SEWBlock(channels_in, channels_out, kernel=kernel, stride=stride, inputs=inputs, vocabulary=PLIF)


@torch.no_grad()
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize(("channels", "stride"), [((4, 4), 1), ((4, 8), 1), ((4, 8), 2), ((4, 4), 2), ((4, 8), 3)])
def test_a_sew_block_adds_two_units_to_the_input_or_its_projection(
    channels: tuple[int, int], stride: int, kernel: int
) -> None:
    built, x = block(*channels, stride=stride, kernel=kernel), spikes(T, B, 4, 6, 12)
    adapted(built, x)

    def unit(prefix: str, x: Tensor, stride: int = 1) -> Tensor:
        conv, norm = built.get_submodule(f"{prefix}.conv"), built.get_submodule(f"{prefix}.norm")
        neuron = built.get_submodule(f"{prefix}.neuron")
        assert isinstance(conv, Conv2d)
        weight = conv.weight
        current = F.conv2d(x.flatten(0, 1), weight, stride=stride, padding=weight.shape[-1] // 2)
        state = [norm.get_buffer(f"running_{word}") for word in ("mean", "var")]
        affine = [norm.get_parameter(word) for word in ("weight", "bias")]
        fired: Tensor = neuron(F.batch_norm(current, *state, *affine).view(T, B, *current.shape[1:]))
        return fired

    residual = unit("residual.second", unit("residual.first", x, stride))
    shortcut = x
    if stride > 1 or channels[0] != channels[1]:
        shortcut = unit("shortcut.project", F.avg_pool2d(x.flatten(0, 1), stride).unflatten(0, (T, B)))
    out = built(x)
    assert out.shape == (T, B, channels[1], 6 // stride, 12 // stride)
    assert residual.any()
    assert torch.equal(out, residual + shortcut)


def test_the_shortcut_is_the_input_only_where_nothing_changes() -> None:
    assert block(4, 4, stride=1).shortcut is None
    assert block(4, 4, stride=1, inputs=integers(2)).values == integers(3)
    for built in (block(4, 8, stride=1), block(4, 4, stride=2)):
        assert built.shortcut is not None
        assert built.values == integers(2)


def test_neurons_run_in_the_order_of_the_published_code() -> None:
    built, ran = block(4, 8, stride=2), []
    for name, module in built.named_modules():
        if isinstance(module, Neuron):
            module.register_forward_hook(lambda *_, name=name: ran.append(name))
    built(spikes(T, B, 4, 4, 4))
    assert ran == ["residual.first.neuron", "residual.second.neuron", "shortcut.project.neuron"]


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (REAL, REAL),
        (BINARY, integers(4, scale=0.25)),
        (TERNARY, integers(4, signed=True, scale=0.25)),
        (integers(3), integers(12, scale=0.25)),
        (integers(None), integers(None, scale=0.25)),
    ],
)
def test_declared_values_of_a_mean_over_windows(inputs: Values, expected: Values) -> None:
    pool = AvgPool(2)
    assert pool.values(inputs) == expected
    assert AvgPool(1).values(inputs) == inputs
    lowest, highest = -(inputs.highest or 3) * inputs.signed, inputs.highest or 3
    x = torch.randint(lowest, highest + 1, (T, B, 4, 8, 8)).float()
    out = pool(x)
    assert torch.equal(out, F.avg_pool2d(x.flatten(0, 1), 2).view(T, B, 4, 4, 4))
    assert expected.hold(out)
    assert inputs == REAL or not inputs.hold(out)


@pytest.mark.parametrize(
    ("dim", "blocks", "blocks_per_stage", "expected"),
    [
        (512, 8, 2, [64, 64, 128, 128, 256, 256, 512, 512]),  # ImageNet
        (256, 6, 2, [64, 64, 128, 128, 256, 256]),  # CIFAR10-DVS
        (256, 3, 1, [64, 128, 256]),  # DVS128 Gesture
        (32, 3, 2, [16, 16, 32]),
        (7, 1, 2, [7]),
    ],
)
def test_the_published_widths(dim: int, blocks: int, blocks_per_stage: int, expected: list[int]) -> None:
    assert channel_schedule(dim, blocks, blocks_per_stage) == expected


@torch.no_grad()
@pytest.mark.parametrize(("kernel", "strides", "per_stage"), [(3, (2, 1, 2, 1), 2), (5, (2, 2), 1), (3, (1, 3, 1), 3)])
@pytest.mark.parametrize("neuron", ["plif", "ternary", "pliaf", "integer"])
def test_every_map_has_its_stride_and_every_convolution_its_declared_values(
    kernel: int, strides: tuple[int, ...], per_stage: int, neuron: str
) -> None:
    torch.manual_seed(0)
    tokenizer = ConvolutionalTokenizer(
        2, 16, kernel=kernel, strides=strides, blocks_per_stage=per_stage, vocabulary=Vocabulary(neuron=neuron)
    )
    x = torch.randn(T, B, 2, 12, 24)
    adapted(tokenizer, x)
    held: dict[str, bool] = {}
    for name, conv in tokenizer.named_modules():
        if isinstance(conv, Conv2d):
            assert conv.bias is None
            conv.register_forward_pre_hook(
                lambda conv, inputs, name=name: held.update({name: conv.inputs.hold(inputs[0])})
            )
    maps = list(tokenizer.maps(x))
    assert len(held) > len(strides)
    assert all(held.values()), held
    assert len(maps) == len(tokenizer.strides) == len(strides)
    widths = channel_schedule(16, len(strides), per_stage)
    for stage, stride, width in zip(maps, tokenizer.strides, widths, strict=True):
        assert stage.shape == (T, B, width, 12 // stride, 24 // stride)
    assert tokenizer.values.hold(maps[-1])
    assert (tokenizer.values == REAL) == (neuron == "pliaf")
    assert torch.equal(tokenizer(x), maps[-1])


def test_convolutions_start_as_published() -> None:
    torch.manual_seed(0)
    tokenizer = ConvolutionalTokenizer(64, 128, kernel=3, strides=(2,), blocks_per_stage=1, vocabulary=PLIF)
    for name, conv in tokenizer.named_modules():
        if isinstance(conv, Conv2d):
            fan_in = conv.weight[0].numel()
            expected = (2 / fan_in) ** 0.5  # He's normal distribution: unbounded, unlike the uniform one
            weight = conv.weight.detach()
            assert float(weight.std()) == pytest.approx(expected, rel=5 / (2 * weight.numel()) ** 0.5), name
            assert float(weight.abs().max()) > 3 * expected, name


@torch.no_grad()
def test_patches_are_one_linear_map_each() -> None:
    torch.manual_seed(0)
    tokenizer, x = PatchTokenizer(3, 8, stride=4), torch.randn(T, B, 3, 8, 12)
    (out,) = tokenizer.maps(x)
    assert out.shape == (T, B, 8, 2, 3)
    assert tokenizer.strides == (4,)
    assert tokenizer.conv.bias is not None
    weight, bias = tokenizer.conv.weight.flatten(1), tokenizer.conv.bias
    for i in range(2):
        for j in range(3):
            patch = x[..., 4 * i : 4 * i + 4, 4 * j : 4 * j + 4].flatten(2)
            torch.testing.assert_close(out[..., i, j], patch @ weight.T + bias, rtol=0, atol=1e-5)
    assert not [module for module in tokenizer.modules() if isinstance(module, Neuron | BatchNorm)]
