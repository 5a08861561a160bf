"""Weighted operations equal torch's over each frame, and describe themselves."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from spikeformers.layers import (
    BINARY,
    REAL,
    TERNARY,
    Classifier,
    Conv2d,
    DescribesItself,
    Init,
    Linear,
    Mask,
    MatrixProduct,
    OpSpec,
    Values,
    integers,
)

T, B = 3, 2


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (1, 1), (3, 2), (5, 2)])
def test_a_convolution_is_torchs_on_every_frame(kernel: int, stride: int, bias: bool) -> None:
    torch.manual_seed(0)
    conv = Conv2d(4, 6, inputs=BINARY, kernel=kernel, stride=stride, bias=bias).double()
    x = torch.randn(T, B, 4, 8, 6, dtype=torch.float64)
    out = conv(x)
    assert out.shape == (T, B, 6, 8 // stride, 6 // stride)
    for t in range(T):
        expected = F.conv2d(x[t], conv.weight, conv.bias, stride, kernel // 2)
        torch.testing.assert_close(out[t], expected, rtol=0, atol=1e-12)
    assert conv.op_spec() == OpSpec(
        kind="convolution",
        inputs=(BINARY,),
        weight_shape=(6, 4, kernel, kernel),
        stride=(stride, stride),
        padding=(kernel // 2, kernel // 2),
        dilation=(1, 1),
        groups=1,
        bias=bias,
    )


@pytest.mark.parametrize(
    ("words", "size"),
    [
        ({"padding": 0}, (6, 4)),
        ({"padding": 2}, (10, 8)),
        ({"kernel": 7, "padding": 2, "stride": 2}, (3, 2)),
        ({"groups": 4}, (8, 6)),
        ({"groups": 2, "kernel": 5, "stride": 2}, (4, 3)),
    ],
)
def test_padding_and_groups_of_a_convolution(words: dict[str, int], size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    conv = Conv2d(4, 8, inputs=BINARY, **words).double()  # type: ignore[arg-type]
    kernel, groups, stride = words.get("kernel", 3), words.get("groups", 1), words.get("stride", 1)
    padding = words.get("padding", kernel // 2)
    x = torch.randn(T, B, 4, 8, 6, dtype=torch.float64)
    out = conv(x)
    assert out.shape == (T, B, 8, *size)
    # Every group by itself, over windows of the padded map.
    padded = F.pad(x, (padding,) * 4).flatten(0, 1)
    columns = F.unfold(padded, kernel, stride=stride).view(T, B, groups, -1, size[0] * size[1])
    weights = conv.weight.view(groups, 8 // groups, -1)
    expected = torch.einsum("gok,tbgkn->tbgon", weights, columns).reshape(out.shape)
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-12)
    spec = conv.op_spec()
    assert (spec.padding, spec.groups, spec.stride) == ((padding,) * 2, groups, (stride,) * 2)
    assert spec.weight_shape == (8, 4 // groups, kernel, kernel)


@pytest.mark.parametrize("layout", ["channels outer", "channels innermost"])
@pytest.mark.parametrize("bias", [False, True])
def test_a_linear_over_a_map_is_the_one_over_its_tokens(bias: bool, layout: str) -> None:
    torch.manual_seed(0)
    linear = Linear(4, 6, inputs=REAL, bias=bias).double()
    frames = torch.randn(T * B, 4, 3, 5, dtype=torch.float64)
    if layout == "channels innermost":
        frames = frames.contiguous(memory_format=torch.channels_last)
    x = frames.view(T, B, 4, 3, 5)
    expected = F.conv2d(frames, linear.weight.view(6, 4, 1, 1), linear.bias).view(T, B, 6, 3, 5)
    torch.testing.assert_close(linear(x), expected, rtol=0, atol=1e-12)
    assert torch.equal(linear(x).flatten(3), linear(x.flatten(3)))


@pytest.mark.parametrize("bias", [False, True])
def test_a_linear_is_torchs_1x1_convolution_of_tokens(bias: bool) -> None:
    torch.manual_seed(0)
    linear = Linear(4, 6, inputs=integers(2), bias=bias).double()
    x = torch.randn(T, B, 4, 7, dtype=torch.float64)
    out = linear(x)
    assert out.shape == (T, B, 6, 7)
    for t in range(T):
        expected = F.conv1d(x[t], linear.weight.unsqueeze(-1), linear.bias)
        torch.testing.assert_close(out[t], expected, rtol=0, atol=1e-12)
    assert linear.op_spec() == OpSpec(kind="linear", inputs=(integers(2),), weight_shape=(6, 4), bias=bias)


def test_a_classifier_is_torchs_linear() -> None:
    classifier = Classifier(4, 3, inputs=REAL)
    x = torch.randn(T, B, 4)
    assert torch.equal(classifier(x), F.linear(x, classifier.weight, classifier.bias))
    assert classifier.op_spec() == OpSpec(kind="linear", inputs=(REAL,), weight_shape=(3, 4), bias=True, axis=-1)


def test_a_product_is_torchs_times_its_scale() -> None:
    a, b = torch.randn(T, B, 4, 5), torch.randn(T, B, 5, 6)
    plain, scaled = MatrixProduct(BINARY, BINARY), MatrixProduct(BINARY, integers(3), scale=0.125)
    assert torch.equal(plain(a, b), torch.matmul(a, b))
    assert torch.equal(scaled(a, b), torch.matmul(a, b) * 0.125)
    assert plain.op_spec() == OpSpec(kind="product", inputs=(BINARY, BINARY))
    assert scaled.op_spec() == OpSpec(kind="product", inputs=(BINARY, integers(3)), scale=0.125)
    assert plain.values == integers(None)
    assert scaled.values == integers(None, scale=0.125)


@pytest.mark.parametrize(
    ("left", "right", "values"),
    [
        (BINARY, BINARY, BINARY),
        (BINARY, TERNARY, TERNARY),
        (integers(3), BINARY.scaled(0.5), integers(3, scale=0.5)),
        (integers(None), BINARY, integers(None)),
        (REAL, BINARY, REAL),
    ],
)
def test_a_mask_is_the_product_of_elements(left: Values, right: Values, values: Values) -> None:
    mask = Mask(left, right)
    a, b = torch.randn(T, B, 4, 5), torch.randn(T, B, 4, 1)
    out = mask(a, b)
    assert out.shape == a.shape
    for place in ((0, 0, 0, 0), (1, 1, 2, 3), (2, 0, 3, 4)):
        assert float(out[place]) == pytest.approx(float(a[place]) * float(b[place[:3]]), rel=1e-6)
    assert torch.equal(out, mask(b, a))
    assert mask.op_spec() == OpSpec(kind="mask", inputs=(left, right))
    assert mask.values == values


def test_all_of_them_are_leaves_that_describe_themselves() -> None:
    operations = (
        Conv2d(2, 2, inputs=REAL),
        Linear(2, 2, inputs=REAL),
        Classifier(2, 2, inputs=REAL),
        MatrixProduct(BINARY, BINARY),
        Mask(BINARY, BINARY),
    )
    for operation in operations:
        assert isinstance(operation, DescribesItself)
        assert not list(operation.children())
    assert not isinstance(torch.nn.Linear(2, 2), DescribesItself)


# ---- initialisation: of a layer so wide that the statistics are sharp ----------------------------------------------


def test_linears_start_with_a_truncated_normal_and_no_bias() -> None:
    torch.manual_seed(0)
    for layer in (Linear(600, 400, inputs=REAL), Classifier(600, 400, inputs=REAL)):
        weight = layer.weight.detach()
        # 240 000 samples: five standard errors of a mean, and of a standard deviation.
        assert abs(float(weight.mean())) < 5 * 0.02 / math.sqrt(weight.numel())
        assert abs(float(weight.std()) - 0.02) < 5 * 0.02 / math.sqrt(2 * weight.numel())
        # A normal, cut far out at +-2: beyond two standard deviations lie 4.55 % of it, beyond four 0.0063 %.
        assert float((weight.abs() > 0.04).float().mean()) == pytest.approx(0.0455, abs=0.0025)
        assert 0.07 < float(weight.abs().max()) < 0.2
        assert not layer.bias.any()


@pytest.mark.parametrize("kind", ["conv", "linear"])
def test_convolutions_start_as_torchs(kind: str) -> None:
    torch.manual_seed(0)
    if kind == "conv":
        layer: torch.nn.Module = Conv2d(64, 128, inputs=REAL, bias=True)
        fan_in = 64 * 9
    else:
        layer, fan_in = Linear(300, 200, inputs=REAL, init="kaiming_uniform"), 300
    bound = 1 / math.sqrt(fan_in)
    for name, parameter in layer.named_parameters():
        values = parameter.detach().flatten()
        # Uniform between the bounds: it fills them and has their variance.
        assert float(values.abs().max()) <= bound, name
        assert float(values.max() - values.min()) > 2 * bound * (1 - 20 / values.numel()), name
        assert float(values.var()) == pytest.approx(bound**2 / 3, rel=5 / math.sqrt(values.numel())), name


@pytest.mark.parametrize("kind", ["conv", "linear"])
@pytest.mark.parametrize(("init", "deviation"), [("kaiming_normal", (2 / 576) ** 0.5), ("trunc_normal", 0.02)])
def test_a_normal_start_by_word(init: Init, deviation: float, kind: str) -> None:
    torch.manual_seed(0)
    layer: Conv2d | Linear = Linear(576, 128, inputs=REAL, init=init)
    if kind == "conv":
        layer = Conv2d(64, 128, inputs=REAL, bias=True, init=init)  # a fan-in of 64 x 9 = 576
    weight = layer.weight.detach()
    assert abs(float(weight.mean())) < 5 * deviation / math.sqrt(weight.numel())
    assert abs(float(weight.std()) - deviation) < 5 * deviation / math.sqrt(2 * weight.numel())
    # A normal has 4.55 % beyond two standard deviations, a uniform distribution of that variance none.
    assert float((weight.abs() > 2 * deviation).float().mean()) == pytest.approx(0.0455, abs=0.004)
    assert layer.bias is not None
    assert layer.bias.any() == (init == "kaiming_normal")
