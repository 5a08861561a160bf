"""Learned pooling over the (token, time) plane: its formula, its time steps, its count."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor, nn

from spikeformers.errors import InputError, NotStreamable
from spikeformers.layers import BINARY, REAL, DescribesItself, Memory, PlanePoolingHead, integers
from spikeformers.layers.folding import affine, chained, last_operation, take_on
from spikeformers.layers.sub_steps import SubSteps, sub_steps_needed
from spikeformers.measure import count
from spikeformers.measure.accelerators.workload import workloads

T, B, C, H, W, K = 3, 5, 6, 2, 4, 7


def build(time_steps: int | None = T, **words: object) -> PlanePoolingHead:
    torch.manual_seed(0)
    head = PlanePoolingHead(C, K, grid=(H, W), time_steps=time_steps, inputs=integers(2), **words).double()  # type: ignore[arg-type]
    norm = head.get_submodule("pool.norm")
    for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
        tensor.data.uniform_(0.5, 2)
    return head.eval()


def features(steps: int = T, seed: int = 1) -> Tensor:
    return torch.randint(0, 3, (steps, B, C, H, W), generator=torch.Generator().manual_seed(seed)).double()


@torch.no_grad()
def test_logits_are_a_weighted_sum_of_tokens_and_steps_normed_and_mapped() -> None:
    head, x = build(), features()
    weight, bias = head.pool.conv.weight, head.pool.conv.bias
    assert weight.shape == (C, 1, H * W, T)
    pooled = bias.expand(B, C).clone()
    for t, h, w, c in product(range(T), range(H), range(W), range(C)):
        pooled[:, c] += weight[c, 0, h * W + w, t] * x[t, :, c, h, w]
    norm = head.pool.norm
    normed = (pooled - norm.running_mean) / (norm.running_var + norm.eps).sqrt() * norm.weight + norm.bias
    torch.testing.assert_close(head(x), normed @ head.linear.weight.T + head.linear.bias, rtol=0, atol=1e-12)


@torch.no_grad()
def test_equal_weights_are_the_mean() -> None:
    head, x = build(), features()
    nn.init.constant_(head.pool.conv.weight, 1 / (H * W * T))
    nn.init.zeros_(head.pool.conv.bias)
    mean = x.mean((0, 3, 4))
    torch.testing.assert_close(head.pool.conv(x.flatten(3).permute(1, 2, 3, 0))[0], mean, rtol=0, atol=1e-12)
    expected = head.linear(head.pool.norm(mean.unsqueeze(0))[0])
    torch.testing.assert_close(head(x), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("time_steps", [T, None])
def test_a_step_is_what_it_contributes(time_steps: int | None, training: bool) -> None:
    head, x = build(time_steps).train(training), features()
    outputs = head.outputs(x)
    assert outputs["steps"].shape == (T, B, K)
    torch.testing.assert_close(outputs["steps"].mean(0), outputs["logits"], rtol=0, atol=1e-12)
    # In the same state of the norm the same bits.
    assert torch.equal(outputs["logits"], build(time_steps).train(training)(x))
    # Without what a step holds, the logits move by a T-th of what its own do.
    without = x.clone()
    without[1] = 0
    nothing = head.eval().outputs(torch.zeros_like(x))["steps"]
    found = head.outputs(without)
    whole = head.outputs(x)
    moved = (whole["steps"][1] - nothing[1]) / T
    torch.testing.assert_close(whole["logits"] - found["logits"], moved, rtol=0, atol=1e-12)
    torch.testing.assert_close(found["steps"][[0, 2]], whole["steps"][[0, 2]], rtol=0, atol=1e-12)


def test_statistics_of_training_move_once_whatever_is_asked_for() -> None:
    one, other = build().train(), build().train()
    one(features())
    other.outputs(features())
    for (name, a), (_, b) in zip(one.named_buffers(), other.named_buffers(), strict=True):
        assert torch.equal(a, b), name
    assert int(one.pool.norm.num_batches_tracked) == 1


def test_a_sample_alone_is_trained_on_by_the_running_statistics() -> None:
    head, x = build().train(), features()[:, :1]
    before = head.pool.norm.running_mean.clone()
    outputs = head.outputs(x)
    torch.testing.assert_close(outputs["steps"].mean(0), outputs["logits"], rtol=0, atol=1e-12)
    assert torch.equal(head.pool.norm.running_mean, before)
    torch.testing.assert_close(head.eval()(x), outputs["logits"], rtol=0, atol=1e-12)


def test_gradients_of_the_steps_are_those_of_their_formula() -> None:
    """With two samples the batch norm is steep; autograd through steps agrees with differences."""
    head = build().train()
    x = features()[:, :3].requires_grad_()

    def steps(x: Tensor) -> Tensor:
        return head.outputs(x)["steps"]

    assert torch.autograd.gradcheck(steps, (x,))


def test_other_maps_and_times_are_refused() -> None:
    head = build()
    for x in (features(T + 1), features()[:, :, :, :1], features().transpose(3, 4)):
        for run in (head, head.outputs):
            with pytest.raises(InputError, match=r"2 x 4 tokens of 3 time steps.*Build the model with the image_size"):
                run(x)


def test_time_steps_have_weights_of_their_own_so_that_it_cannot_stream() -> None:
    with pytest.raises(NotStreamable, match="all time steps"):
        build().outputs(features(1), Memory({}))


@torch.no_grad()
def test_without_time_every_step_is_pooled_alike_and_streams() -> None:
    head, x = build(None), features()
    assert head.pool.conv.weight.shape == (C, 1, H * W, 1)
    steps = head.outputs(x)["steps"]
    for t in range(T):
        alone = head.outputs(x[t : t + 1], Memory({}))["steps"][0]
        torch.testing.assert_close(alone, steps[t], rtol=0, atol=1e-12)
        torch.testing.assert_close(head(x[t : t + 1]), steps[t], rtol=0, atol=1e-12)


def test_it_is_counted_once_a_sample_as_a_depthwise_convolution() -> None:
    head, x = build(), features()

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = head

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.head(x.transpose(0, 1))
            return out

    counts = count(Model(), x.transpose(0, 1))
    (row,) = (row for row in counts.rows if row.kind == "convolution")
    assert row.name == "head.pool.conv"
    assert row.dense == row.dense_padded == B * C * H * W * T
    assert row.nonzero == int(x.ne(0).sum())  # each element meets one weight
    assert row.events == int(x.sum())  # an integer n is n events
    assert (row.time_steps, row.weights, row.bias) == (1, C * H * W * T, True)
    assert row.weights_read == row.weights * B
    assert row.shape == (1, H * W * T, C, C)
    assert row.declared == (str(integers(2)),)
    (work,) = (each for each in workloads(counts)[0] if each.name == row.name)
    assert (work.M, work.K, work.N, work.groups, work.time_steps) == (1, H * W * T, C, C, 1)


@torch.no_grad()
def test_its_norm_folds_into_it() -> None:
    head, x = build(), features()
    expected = head.outputs(x)
    ((part, norm),) = chained(head.pool)
    operation, behind = last_operation(head.pool.get_submodule(part)), affine(head.pool.get_submodule(norm))
    assert operation is head.pool.conv
    assert behind is not None
    take_on(operation, behind)
    head.pool.norm = nn.Identity()
    found = head.outputs(x)
    torch.testing.assert_close(head(x), expected["logits"], rtol=0, atol=1e-12)
    for word in ("logits", "steps"):
        torch.testing.assert_close(found[word], expected[word], rtol=0, atol=1e-12)


@torch.no_grad()
def test_it_runs_on_the_spikes_behind_its_integers() -> None:
    head, x = build(), features()
    expected = head.outputs(x)
    conv = head.pool.conv
    assert sub_steps_needed(conv) == (2,)
    head.pool.conv = SubSteps(conv, (2,))
    assert conv.op_spec().inputs == (BINARY,)
    found = head.outputs(x)
    for word in ("logits", "steps"):
        torch.testing.assert_close(found[word], expected[word], rtol=0, atol=1e-12)


def test_it_declares_what_it_is_fed() -> None:
    head = build()
    assert isinstance(head.pool.conv, DescribesItself)
    assert head.pool.conv.op_spec().inputs == (integers(2),)
    assert not head.pool.conv.op_spec().timed
    assert build(None).pool.conv.op_spec().inputs == (REAL,)  # a mean over time
