"""What autograd saves is kept in fewer bytes, and no gradient shows it."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd.graph import save_on_cpu, saved_tensors_hooks
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils.checkpoint import checkpoint

from spikeformers.errors import ConfigError
from spikeformers.ops.saving import compact_saving, mark_pre_activation

N = 32768


class Kept(dict[int, Tensor]):
    """The tensors that a pass keeps, by storage; none is freed while they are counted."""

    @property
    def bytes(self) -> int:
        return sum(tensor.untyped_storage().nbytes() for tensor in self.values())


@contextmanager
def counting() -> Iterator[Kept]:
    """Hooks below see what is really kept."""
    kept = Kept()

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor.detach()

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        yield kept


def spikes(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return (torch.rand(shape) < 0.3).to(dtype)


def saved(x: Tensor) -> Tensor:
    """An operation that saves x and nothing else."""
    return x * torch.ones(1, requires_grad=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize(
    ("values", "bytes_each"), [("spikes", 1 / 8), ("integers", 1), ("noise", None)], ids=["spikes", "integers", "noise"]
)
def test_bytes_of_each_element(dtype: torch.dtype, values: str, bytes_each: float | None) -> None:
    x = {
        "spikes": spikes(N, dtype=dtype),
        "integers": torch.randint(0, 12, (N,)).to(dtype),
        "noise": torch.randn(N, dtype=dtype),
    }[values]
    with counting() as kept, compact_saving():
        saved(x)
    assert kept.bytes == N * (x.element_size() if bytes_each is None else bytes_each)


def test_small_tensors_are_left_alone() -> None:
    with counting() as kept, compact_saving():
        saved(spikes(4095))
    assert kept.bytes == 4095 * 4
    with counting() as kept, compact_saving(least_bytes=1):
        saved(spikes(80))
    assert kept.bytes == 10


def test_views_of_a_storage_share_what_is_kept() -> None:
    x = spikes(4, 3, N)
    with counting() as kept, compact_saving():
        saved(x)
        for part in (*x.unbind(1), x.transpose(0, 2), x[:, :1].expand(4, 3, N), x.flatten()[5:]):
            saved(part)
    payloads = [tensor for tensor in kept.values() if tensor.dtype == torch.uint8]
    assert [tensor.numel() for tensor in payloads] == [12 * N / 8]


def test_a_slice_of_something_large_is_kept_alone() -> None:
    data = spikes(100, N)
    with counting() as kept, compact_saving():
        saved(data[7])
        saved(data[:, 7:9].t())  # scattered over all of it: kept as it is
    assert sorted(tensor.untyped_storage().nbytes() for tensor in kept.values())[-2:] == [N // 8, 400 * N]


def strided(x: Tensor, how: str) -> Tensor:
    views: dict[str, Callable[[Tensor], Tensor]] = {
        "whole": lambda x: x,
        "transposed": lambda x: x.transpose(0, 2),
        "channels last": lambda x: x.permute(0, 2, 1).contiguous().permute(0, 2, 1),
        "every other": lambda x: x[:, :, ::2],
        "part": lambda x: x[1:, 1:],
        "expanded": lambda x: x[:1].expand(3, -1, -1),
        "windows": lambda x: x.unfold(2, 5, 2),
        "a step": lambda x: x[1],
        "offset": lambda x: x.flatten()[3:],
    }
    return views[how](x)


LAYOUTS = [
    "whole", "transposed", "channels last", "every other", "part", "expanded", "windows", "a step", "offset",
]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    sizes=st.tuples(st.integers(2, 4), st.integers(2, 12), st.integers(5, 40)),
    values=st.sampled_from(["spikes", "integers", "noise", "negative zeros", "not numbers", "infinite", "256"]),
    layouts=st.lists(st.sampled_from(LAYOUTS), min_size=1, max_size=4),
    dtype=st.sampled_from([torch.float32, torch.bfloat16, torch.float16, torch.float64]),
    seed=st.integers(0, 2**31 - 1),
)
def test_every_bit_of_every_view_comes_back(
    sizes: tuple[int, int, int], values: str, layouts: list[str], dtype: torch.dtype, seed: int
) -> None:
    torch.manual_seed(seed)
    special = {"negative zeros": -0.0, "not numbers": float("nan"), "infinite": float("inf"), "256": 256.0}
    x = torch.randn(sizes) if values == "noise" else spikes(*sizes)
    if values == "integers":
        x *= torch.randint(0, 256, sizes)
    elif values in special:
        x.flatten()[torch.randint(0, x.numel(), (1,))] = special[values]
    x = x.to(dtype)
    views = [strided(x, how) for how in layouts]
    with compact_saving(least_bytes=1):
        outs = [saved(view) for view in views]
    integer = {2: torch.int16, 4: torch.int32, 8: torch.int64}[x.element_size()]
    for out, view in zip(outs, views, strict=True):
        found = out.grad_fn._saved_self  # type: ignore[union-attr]
        assert found.stride() == view.stride()
        assert torch.equal(found.contiguous().view(integer), view.contiguous().view(integer))


def a_network(x: Tensor, weights: list[Tensor]) -> Tensor:
    """Convolution, spikes, pool, product, softmax: inputs, outputs and indices are saved."""
    y = F.conv2d(x, weights[0], padding=1)
    fired = (y > 0).to(y.dtype) + y.sigmoid() - y.sigmoid().detach()
    pooled = F.max_pool2d((y > 0).to(y.dtype) * fired, 2)
    q, k = (F.linear(pooled.flatten(2).transpose(1, 2), w) for w in weights[1:])
    return (q @ k.transpose(1, 2)).softmax(-1).square().sum() + (fired * (y > 0)).sum()


def leaves() -> tuple[Tensor, list[Tensor]]:
    torch.manual_seed(0)
    x = spikes(4, 16, 24, 24).requires_grad_()
    shapes = [(32, 16, 3, 3), (32, 32), (32, 32)]
    return x, [(torch.randn(shape) / 9).requires_grad_() for shape in shapes]


def gradients(compact: bool, times: int = 1) -> list[list[Tensor]]:
    x, weights = leaves()
    with compact_saving() if compact else torch.enable_grad():
        loss = a_network(x, weights)
    return [list(torch.autograd.grad(loss, [x, *weights], retain_graph=True)) for _ in range(times)]


def assert_equal(one: list[Tensor], other: list[Tensor]) -> None:
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_gradients_are_the_same_to_the_bit_also_twice() -> None:
    (plain,) = gradients(compact=False)
    first, second = gradients(compact=True, times=2)
    assert_equal(first, plain)
    assert_equal(second, plain)


def test_gradients_of_gradients_too() -> None:
    def twice(compact: bool) -> list[Tensor]:
        x, weights = leaves()
        with compact_saving() if compact else torch.enable_grad():
            loss = a_network(x, weights)
        first = torch.autograd.grad(loss, [x, *weights], create_graph=True)
        return list(torch.autograd.grad(sum(g.square().sum() for g in first), [x, *weights]))  # type: ignore[arg-type]

    assert_equal(twice(True), twice(False))


@pytest.mark.parametrize("inside", [False, True], ids=["around a checkpoint", "inside a checkpoint"])
def test_checkpoints(inside: bool) -> None:
    x, weights = leaves()

    def body(x: Tensor) -> Tensor:
        with compact_saving():  # does nothing where it is entered already
            return a_network(x, weights)

    if inside:
        loss = checkpoint(body, x, use_reentrant=False)
    else:
        with counting() as kept, compact_saving():
            loss = checkpoint(body, x, use_reentrant=False)
        assert kept.bytes == x.numel() / 8
    assert_equal(list(torch.autograd.grad(loss, [x, *weights])), gradients(compact=False)[0])


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@pytest.mark.parametrize("inside", [False, True])
def test_compiled_programs(backend: str, inside: bool) -> None:
    x, weights = leaves()

    def step(x: Tensor, *weights: Tensor) -> Tensor:
        with compact_saving():
            return a_network(x, list(weights))

    program = torch.compile(step if inside else lambda x, *w: a_network(x, list(w)), backend=backend, fullgraph=True)
    with counting() as kept, torch.enable_grad() if inside else compact_saving():
        loss = program(x, *weights)
    assert_equal(list(torch.autograd.grad(loss, [x, *weights])), gradients(compact=False)[0])
    sizes = {tensor.numel() for tensor in kept.values() if tensor.dtype == torch.uint8}
    assert (x.numel() / 8 in sizes) == (not inside)


def test_hooks_below_get_what_is_kept() -> None:
    x, weights = leaves()
    with save_on_cpu(), compact_saving():
        loss = a_network(x, weights)
    assert_equal(list(torch.autograd.grad(loss, [x, *weights])), gradients(compact=False)[0])


def test_an_exported_program_knows_nothing_of_it() -> None:
    class Module(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            with compact_saving():
                return x * 2

    program = torch.export.export(Module(), (torch.ones(3),))
    assert [node.target for node in program.graph.nodes if node.op == "call_function"] == [torch.ops.aten.mul.Tensor]


def test_functional_gradients_are_let_through() -> None:
    x, weights = leaves()

    def loss(x: Tensor) -> Tensor:
        with compact_saving():
            return a_network(x, weights)

    assert torch.equal(torch.func.grad(loss)(x.detach()), gradients(compact=False)[0][0])


def test_every_thread_has_its_own() -> None:
    seen: dict[str, int] = {}

    def run(name: str, compact: bool) -> None:
        x = spikes(N)
        with counting() as kept, compact_saving() if compact else torch.enable_grad():
            barrier.wait()
            saved(x)
            barrier.wait()
        seen[name] = kept.bytes

    barrier = threading.Barrier(3)
    threads = [threading.Thread(target=run, args=(str(i), i < 2)) for i in range(3)]
    with compact_saving():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert seen == {"0": N / 8, "1": N / 8, "2": 4 * N}


def test_an_exception_leaves_nothing_behind() -> None:
    with pytest.raises(ZeroDivisionError), compact_saving():
        raise ZeroDivisionError
    with counting() as kept:
        saved(spikes(N))
    assert kept.bytes == 4 * N
    with counting() as kept, compact_saving():
        saved(spikes(N))
    assert kept.bytes == N / 8


def test_a_backward_pass_inside() -> None:
    x, weights = leaves()
    with compact_saving():
        found = list(torch.autograd.grad(a_network(x, weights), [x, *weights]))
    assert_equal(found, gradients(compact=False)[0])


def test_what_is_overwritten_after_it_was_packed_is_kept_as_it_was() -> None:
    x = spikes(N)
    before, weight = x.clone(), torch.ones(1, requires_grad=True)
    with compact_saving():
        first = x * weight
        x.mul_(-1).add_(1)
        second = x * weight
    assert torch.autograd.grad(first.sum(), weight)[0] == before.sum()
    assert torch.autograd.grad(second.sum(), weight)[0] == N - before.sum()


def test_overwriting_what_was_not_packed_is_an_error_as_in_torch() -> None:
    x = torch.randn(N)
    with compact_saving():
        out = saved(x)
    x.add_(1)
    with pytest.raises(RuntimeError, match="modified by an in-place operation since it was saved: it is at version 1"):
        out.sum().backward()


def test_memory_that_is_used_again_is_not_mistaken() -> None:
    torch.manual_seed(0)
    weight = torch.ones(1, requires_grad=True)
    memory, outs, sums = bytearray(4 * N), [], []
    with compact_saving():
        for _ in range(20):  # storages that follow each other at one place
            x = torch.frombuffer(memory, dtype=torch.float32).copy_(spikes(N))
            outs.append(x * weight)
            sums.append(x.sum())
            del x
    for out, total in zip(outs, sums, strict=True):
        assert torch.autograd.grad(out.sum(), weight)[0] == total


def test_nothing_is_held_but_what_is_kept() -> None:
    x = spikes(N)
    with compact_saving():
        out = saved(x)
        memory = StorageWeakRef(x.untyped_storage())
        del x
        assert memory.expired()
    unpacked = StorageWeakRef(out.grad_fn._saved_self.untyped_storage())  # type: ignore[union-attr]
    assert unpacked.expired()


def test_the_end_of_the_graph_is_the_end_of_everything() -> None:
    gc.disable()  # no cycle is left to it
    try:
        saving = compact_saving()
        with saving:
            out = saved(spikes(N))
        last = weakref.ref(saving)
        del saving
        assert last() is not None
        del out
        assert last() is None
    finally:
        gc.enable()


def test_views_in_use_at_once_are_unpacked_once() -> None:
    x = spikes(2, N)
    with compact_saving():
        outs = [saved(x), saved(x[0]), saved(x.t())]
    storages = [out.grad_fn._saved_self.untyped_storage() for out in outs]  # type: ignore[union-attr]
    assert len({storage.data_ptr() for storage in storages}) == 1


def marked(x: Tensor, weight: Tensor) -> Tensor:
    """A linear and what follows it; the linear's output is marked."""
    y = x @ weight.t()
    held = weight.detach()
    mark_pre_activation(y, lambda x: x @ held.t(), x)
    return y.sigmoid() * y


def test_pre_activations_in_bfloat16() -> None:
    torch.manual_seed(0)
    x, weight = spikes(256, 64), torch.randn(128, 64, requires_grad=True)
    y = (x @ weight.t()).detach()
    with compact_saving("bfloat16"):
        out = marked(x, weight)
    found = out.grad_fn._saved_other  # type: ignore[union-attr]
    assert torch.equal(found, y.bfloat16().float())
    with counting() as kept, compact_saving("bfloat16"):
        out = marked(x, weight)
    halves = [tensor for tensor in kept.values() if tensor.dtype == torch.bfloat16]
    assert [tensor.untyped_storage().nbytes() for tensor in halves] == [2 * y.numel()]


@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
def test_pre_activations_made_again(dtype: torch.dtype | None) -> None:
    def run(word: str) -> tuple[Tensor, Kept]:
        torch.manual_seed(0)
        x, weight = spikes(256, 64), torch.randn(128, 64, requires_grad=True)
        with torch.autocast("cpu", dtype or torch.bfloat16, enabled=dtype is not None):
            with counting() as kept, compact_saving(word):  # type: ignore[arg-type]
                out = marked(x, weight)
        return torch.autograd.grad(out.sum(), weight)[0], kept

    (exact, kept), (again, kept_less) = run("exact"), run("recompute")
    assert torch.equal(again, exact)
    # The linear's output was kept, and is not any more; under autocast the linear saves another x than it is given.
    less, more = 256 * 128 * (4 if dtype is None else 2), 0 if dtype is None else 256 * 64 // 8
    assert kept.bytes - kept_less.bytes == less - more


def test_a_mark_holds_for_what_was_marked_only() -> None:
    weight = torch.randn(128, 64)
    x = spikes(256, 64)
    with counting() as kept, compact_saving("bfloat16"):
        y = x @ weight.t()
        mark_pre_activation(y)
        y.add_(1)  # another content
        saved(y)
        saved(torch.randn(256, 128))
    assert not [tensor for tensor in kept.values() if tensor.dtype == torch.bfloat16]


def test_marks_mean_nothing_outside() -> None:
    mark_pre_activation(torch.randn(N))
    with counting() as kept, compact_saving():
        y = torch.randn(N)
        mark_pre_activation(y)
        saved(y)
    assert kept.bytes == 4 * N


def test_unknown_words_are_errors() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'bfloat16'"):
        compact_saving("bfloat")  # type: ignore[arg-type]
