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


@pytest.mark.parametrize("equation", ["bnd,de->bne", "de,bnd->bne", "bnd,de->ben"])
def test_one_matrix_for_the_whole_batch_is_a_linear(equation: str) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(6, 5))

        def forward(self, x: Tensor) -> Tensor:
            operands = (x, self.weight) if equation[0] == "b" else (self.weight, x)
            return torch.einsum(equation, *operands)

    torch.manual_seed(0)
    net, x = Net(), torch.randint(0, 3, (2, 4, 6)).float()
    with torch.no_grad():
        net.weight[1] = 0
    (row,) = count(net, x).rows
    present = net.weight.ne(0).float()
    assert (row.kind, row.dense, row.weights) == ("linear", 2 * 4 * 6 * 5, 30)
    assert row.nonzero == int((x.ne(0).float() @ present).sum())
    assert row.events == int((x @ present).sum())
    assert row.shape == (4, 6, 5, 1)


def test_weights_that_depend_on_the_input_are_looked_at_in_every_batch() -> None:
    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.conv2d(x, x[:1, :, :2, :2])

    full, half = torch.ones(1, 2, 4, 4), torch.ones(1, 2, 4, 4)
    half[:, :, 1] = 0
    found = [count(Net(), batch).total() for batch in (full, half)]
    assert found == [2 * 4 * 9, 2 * 2 * 6]  # one row of the window left, on two of three rows of outputs
    assert count(Net(), [full, half]).total() == sum(found)


def test_weights_are_told_apart_whatever_the_order_of_their_calls() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.full, self.none = nn.Parameter(torch.ones(3, 3)), nn.Parameter(torch.zeros(3, 3))
            self.lower = nn.Parameter(torch.ones(3, 3).tril())

        def forward(self, x: Tensor) -> Tensor:
            if len(x) == 1:
                return x @ self.full + x @ self.none
            return x @ self.none + x @ self.lower + x @ self.lower.t()

    x = torch.tensor([[1.0, 0, 0]])
    counts = count(Net(), [x, torch.cat([x, x])])
    assert [row.nonzero for row in counts.rows] == [3 + 0, 0 + 2 * 1, 2 * 3]


def test_only_what_is_added_to_its_result_is_a_bias() -> None:
    class Net(nn.Module):
        def __init__(self, before: bool) -> None:
            super().__init__()
            self.weight, self.more, self.before = nn.Parameter(torch.randn(3, 3)), nn.Parameter(torch.ones(3)), before

        def forward(self, x: Tensor) -> Tensor:
            x = x @ self.weight
            return (self.more + x).relu() if self.before else x.relu() + self.more

    biased, plain = count(Net(True), torch.randn(2, 3)), count(Net(False), torch.randn(2, 3))
    assert (biased.rows[0].bias, biased.uncounted) == (True, ())
    assert (plain.rows[0].bias, plain.uncounted) == (False, ("add in Net",))


def test_products_over_all_samples_at_once_are_no_workload() -> None:
    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x @ x.t()

    counts = count(nn.Sequential(nn.Linear(4, 4), Net()), torch.ones(3, 4))
    assert counts.rows[1].dense == 3 * 4 * 3
    assert counts.rows[1].shape is None
    assert accelerator(counts, "vesta").unscheduled == ("1.mm",)


def test_a_sparse_tensor_is_no_obstacle() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.linear(torch.sparse.mm(torch.eye(2).to_sparse(), x))
            return out

    counts = count(Net(), torch.ones(2, 3))
    assert counts.rows[-1].name == "linear"
    assert counts.rows[-1].dense == 2 * 9
