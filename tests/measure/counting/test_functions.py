"""What plain modules write as functions is counted as if it were modules; PyTorch's own counter is the oracle."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from spikeformers.measure import accelerator, count, energy


class Written(nn.Module):
    """Every operation a function, beside the same as modules."""

    def __init__(self, channels: int, groups: int, bias: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 4 * groups, 3, stride=2, padding=1, groups=groups, bias=bias)
        self.linear = nn.Linear(4 * groups, 5, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        x = F.conv2d(x, self.conv.weight, self.conv.bias, 2, 1, groups=self.conv.groups).relu()
        return F.linear(x.flatten(2).transpose(1, 2), self.linear.weight, self.linear.bias).mean(1)


class Called(Written):
    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x).relu()
        mixed: Tensor = self.linear(x.flatten(2).transpose(1, 2))
        return mixed.mean(1)


@settings(deadline=None, max_examples=25)
@given(
    size=st.integers(3, 7),
    groups=st.integers(1, 3),
    bias=st.booleans(),
    samples=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
)
def test_functions_count_as_modules_do(size: int, groups: int, bias: bool, samples: int, seed: int) -> None:
    torch.manual_seed(seed)
    written, called = Written(2 * groups, groups, bias), Called(2 * groups, groups, bias)
    called.load_state_dict(written.state_dict())
    x = torch.randn(samples, 2 * groups, size, size).relu()
    with torch.no_grad():
        written.linear.weight[0] = called.linear.weight[0] = 0
    found, expected = count(written, [x, x[:1]]), count(called, [x, x[:1]])
    assert [row.name.rpartition(".")[0] for row in found.rows] == ["Written", "Written"]
    for ours, theirs in zip(found.rows, expected.rows, strict=True):
        for word in ("kind", "dense", "dense_padded", "nonzero", "events", "weights", "inputs", "outputs", "bias"):
            assert getattr(ours, word) == getattr(theirs, word), word
        assert ours.seen == theirs.seen
        assert ours.shape == theirs.shape
    assert found.rows[0].first
    assert found.uncounted == expected.uncounted == ()


def test_an_attention_of_pytorch_by_hand() -> None:
    torch.manual_seed(0)
    attention, tokens, width = nn.MultiheadAttention(8, 2, batch_first=True).eval(), 5, 8

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = attention

        def forward(self, x: Tensor) -> Tensor:
            mixed: Tensor = self.attention(x, x, x, need_weights=False)[0]
            return mixed

    counts = count(Net(), torch.randn(3, tokens, width))
    linear, product = (counts.total("dense", [kind]) / 3 for kind in ("linear", "product"))
    assert linear == 4 * tokens * width * width
    assert product == 2 * tokens * tokens * width
    assert {row.name.partition(".")[0] for row in counts.rows} == {"attention"}
    assert counts.uncounted == ()
    assert energy(counts, "exact").macs >= linear + product


@pytest.mark.parametrize("training", [False, True])
def test_a_transformer_counts_as_pytorchs_own_counter(training: bool) -> None:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0, batch_first=True, activation="gelu")
    net = nn.Sequential(nn.Conv1d(3, 16, 2, 2), nn.Flatten(2), _Swap(), nn.TransformerEncoder(layer, 2)).train(training)
    x = torch.randn(2, 3, 12)
    before = torch.backends.mha.get_fastpath_enabled()
    counts = count(net, x)
    assert torch.backends.mha.get_fastpath_enabled() == before
    # It does not count the fused attention of CPUs.
    with FlopCounterMode(display=False) as theirs, sdpa_kernel(SDPBackend.MATH), torch.enable_grad():
        net(x)
    assert 2 * counts.total("dense") == theirs.get_total_flops()


class _Swap(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2)


def test_results_are_those_of_the_model_alone() -> None:
    torch.manual_seed(0)
    net = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True).eval()
    seen: list[Tensor] = []
    handle = net.register_forward_hook(lambda module, args, output: seen.append(output))
    x = torch.randn(2, 4, 8)
    count(net, x)
    handle.remove()
    torch.testing.assert_close(seen[0], net(x))  # fused and taken apart they round differently
    assert not net._forward_hooks
    assert not net._forward_pre_hooks


def test_what_uses_parameters_and_is_not_counted_is_named() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.position = nn.Parameter(torch.zeros(1, 5, 8))
            self.wrap = nn.Conv1d(8, 8, 3, padding=1, padding_mode="circular")
            self.up = nn.ConvTranspose1d(8, 8, 2, 2)
            self.lstm = nn.LSTM(8, 8, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            x = self.up(self.wrap((x + self.position).transpose(1, 2)))
            out: Tensor = self.lstm(x.transpose(1, 2))[0]
            return out

    counts = count(Net(), torch.randn(2, 5, 8))
    assert {row.name for row in counts.rows} >= {"wrap.convolution"}
    named = {text.rpartition(" ")[2] for text in counts.uncounted}
    assert "add in Net" in counts.uncounted
    assert {"Net", "up"} <= named
    assert "lstm" in named or any(row.name.startswith("lstm") for row in counts.rows)


def test_products_of_activations() -> None:
    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.einsum("bij,bkj->bik", x, x) @ x

    x = torch.randint(0, 2, (2, 3, 4)).float()
    first, second = count(Net(), x).rows
    assert first.kind == second.kind == "product"
    assert first.nonzero == int(torch.einsum("bij,bkj->", x, x))
    assert second.events == int((x @ x.transpose(1, 2) @ x).sum())
    assert second.seen[0].kind in ("binary", "integer")
    assert first.dense == second.dense == 2 * 3 * 3 * 4
    assert (first.shape, second.shape) == ((3, 4, 3, 1), (3, 3, 4, 1))


def test_products_over_all_samples_at_once_are_no_workload() -> None:
    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x @ x.t()

    counts = count(nn.Sequential(nn.Linear(4, 4), Net()), torch.ones(3, 4))
    assert counts.rows[1].dense == 3 * 4 * 3
    assert counts.rows[1].shape is None
    assert accelerator(counts, "vesta").unscheduled == ("1.mm",)
