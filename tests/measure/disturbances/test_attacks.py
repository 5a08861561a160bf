"""FGSM and PGD: in bounds, as strong as they can be where that is known, and gone without a trace."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from spikeformers.errors import InputError, UnknownNameError
from spikeformers.layers.encoders import build_encoder
from spikeformers.measure.disturbances.attacks import Attacked, fgsm, pgd
from spikeformers.measure.disturbances.draws import streams
from spikeformers.measure.disturbances.surrogates import has_surrogate, using_surrogate
from spikeformers.measure.disturbances.victim import Victim
from spikeformers.ops import SURROGATES
from tests.measure.disturbances.small import digits, trained


@pytest.fixture(scope="module")
def victim() -> Victim:
    return trained()


def climb(victim: Victim, images: Tensor, labels: Tensor, epsilon: float, steps: int = 8, seed: int = 0) -> Attacked:
    draws = streams(seed, "pgd", 0, len(images))
    return pgd(victim, images, labels, epsilon, steps=steps, step_size=2.5 * epsilon / steps, draws=draws)


@given(
    epsilon=st.floats(0.01, 300), step_size=st.floats(0.01, 600), steps=st.integers(1, 4), seed=st.integers(0, 99),
    channels=st.sampled_from([1, 3]),
)  # fmt: skip
def test_pixels_stay_in_the_ball_and_in_range(
    epsilon: float, step_size: float, steps: int, seed: int, channels: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (5, channels, 4, 3), generator=generator, dtype=torch.uint8)
    labels = torch.randint(0, 4, (5,), generator=generator)
    model = nn.Sequential(nn.Flatten(), nn.Linear(12 * channels, 8), nn.Tanh(), nn.Linear(8, 4))
    victim = Victim(model, (0.4,) * channels, (0.2,) * channels)
    draws = streams(seed, "pgd", 0, 5)
    for attacked in (
        fgsm(victim, images, labels, epsilon),
        pgd(victim, images, labels, epsilon, steps=steps, step_size=step_size, draws=draws),
    ):
        assert 0 <= attacked.pixels.min() <= attacked.pixels.max() <= 255
        # The bounds themselves are rounded, to 2^-17 at most below 256.
        assert (attacked.pixels.double() - images.double()).abs().max() <= epsilon + 2**-16


@pytest.mark.parametrize("epsilon", [1.0, 8.0, 60.0])
def test_of_a_linear_model_both_attacks_find_the_worst_picture(epsilon: float) -> None:
    """Its margin is a weighted sum of pixels, each of which is worst at one end of its range."""
    torch.manual_seed(0)
    linear = nn.Linear(20, 2).double().float()
    victim = Victim(nn.Sequential(nn.Flatten(), linear), (0.3,), (0.25,))
    images, labels = torch.randint(0, 256, (30, 1, 4, 5), dtype=torch.uint8), torch.randint(0, 2, (30,))
    weights = (linear.weight[1] - linear.weight[0]).detach().double() / 0.25
    bias = (linear.bias[1] - linear.bias[0]).item() - 0.3 * weights.sum().item()
    pixels = images.double().flatten(1)
    low, high = (pixels - epsilon).clamp(min=0), (pixels + epsilon).clamp(max=255)
    sign = 1 - 2 * labels.double()  # what a higher margin does to the loss
    ends = torch.where((sign.unsqueeze(1) * weights) > 0, high, low)
    margin = sign * (ends @ weights / 255 + bias)
    expected = torch.nn.functional.softplus(margin)
    for attacked in (fgsm(victim, images, labels, epsilon), climb(victim, images, labels, epsilon)):
        torch.testing.assert_close(attacked.loss.double(), expected, rtol=1e-4, atol=1e-6)
        assert torch.equal(attacked.right, margin < 0)
        torch.testing.assert_close(attacked.pixels.double().flatten(1), ends, rtol=0, atol=1e-4)


@pytest.mark.parametrize("epsilon", [16, 32])  # at 4, few spikes change, and the two are as good as each other
def test_attacks_on_a_spiking_network_do_harm(victim: Victim, epsilon: float) -> None:
    images, labels = digits()
    clean = fgsm(victim, images, labels, 0.0)
    assert torch.equal(clean.pixels, images.float())
    assert torch.equal(clean.right, victim.right(images, labels))
    assert clean.right.float().mean() > 0.9
    step, climbed = fgsm(victim, images, labels, epsilon), climb(victim, images, labels, epsilon)
    for attacked in (step, climbed):
        # What is told of the pictures is what the model says of them.
        assert torch.equal(attacked.right, victim.right(attacked.pixels, labels))
        logits = victim.logits(attacked.pixels).detach()
        torch.testing.assert_close(attacked.loss, nn.functional.cross_entropy(logits, labels, reduction="none"))
        assert (attacked.loss >= clean.loss).float().mean() > 0.8
        assert attacked.right.sum() < clean.right.sum()
    assert climbed.loss.mean() > step.loss.mean() > clean.loss.mean()
    assert climbed.right.sum() <= step.right.sum()


def test_more_steps_keep_what_fewer_found(victim: Victim) -> None:
    images, labels = digits()
    words = {"step_size": 2.0, "epsilon": 12.0}
    few, many = (
        pgd(victim, images, labels, steps=steps, draws=streams(0, "pgd", 0, len(images)), **words) for steps in (2, 6)
    )
    assert bool((few.right | ~many.right).all())
    still = few.right == many.right
    assert bool((many.loss[still] >= few.loss[still]).all())


def test_random_starts_follow_the_seed(victim: Victim) -> None:
    images, labels = digits()
    first, again, other = (climb(victim, images, labels, 8, steps=1, seed=seed).pixels for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    parts = [
        pgd(victim, images[a:b], labels[a:b], 8, steps=1, step_size=20.0, draws=streams(0, "pgd", a, b - a)).pixels
        for a, b in ((0, 37), (37, 100))
    ]
    # A pixel whose gradient is next to zero may go either way in another batch size.
    assert (torch.cat(parts) == first).float().mean() > 0.999


def test_nothing_is_left_behind(victim: Victim) -> None:
    images, labels = digits()
    before = {name: value.clone() for name, value in victim.model.state_dict().items()}
    parameter = next(victim.model.parameters())
    parameter.grad = torch.full_like(parameter, 7.0)
    fgsm(victim, images, labels, 8)
    climb(victim, images, labels, 8)
    assert bool((parameter.grad == 7).all())
    parameter.grad = None
    assert all(each.grad is None and each.requires_grad for each in victim.model.parameters())
    assert all(torch.equal(before[name], value) for name, value in victim.model.state_dict().items())


def gradient(victim: Victim) -> Tensor:
    images, labels = digits()
    pixels = images.float().requires_grad_()
    loss = nn.functional.cross_entropy(victim.logits(pixels), labels)
    return torch.autograd.grad(loss, pixels)[0]


def test_a_surrogate_changes_the_gradient_and_nothing_else(victim: Victim) -> None:
    images, _ = digits()
    logits, own, dynamics = victim.logits(images), gradient(victim), victim.model.neuron.dynamics
    gradients = [own]
    for word in set(SURROGATES) - {"sigmoid"}:
        with using_surrogate(victim.model, word):
            assert victim.model.neuron.dynamics.surrogate.name == word
            assert torch.equal(victim.logits(images), logits)
            gradients.append(gradient(victim))
        assert victim.model.neuron.dynamics is dynamics
    assert not any(torch.allclose(a, b) for i, a in enumerate(gradients) for b in gradients[:i])
    for word in ("own", "sigmoid"):
        with using_surrogate(victim.model, word):
            assert torch.equal(gradient(victim), own)


def test_the_surrogate_comes_back_after_an_error(victim: Victim) -> None:
    dynamics = victim.model.neuron.dynamics
    with pytest.raises(RuntimeError, match="stop"), using_surrogate(victim.model, "atan"):
        raise RuntimeError("stop")
    with pytest.raises(UnknownNameError, match="no surrogate gradient 'atn'"), using_surrogate(victim.model, "atn"):
        pass
    assert victim.model.neuron.dynamics is dynamics
    assert has_surrogate(victim.model)
    assert not has_surrogate(nn.Linear(2, 2))


def test_a_model_without_a_gradient_is_refused() -> None:
    class Latent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = build_encoder("latency")

        def forward(self, x: Tensor) -> Tensor:
            return self.encoder(x, 4).mean(0).flatten(1)

    images, labels = digits(4)
    with pytest.raises(InputError, match="no gradient reaches the pixels"):
        fgsm(Victim(Latent(), (0.0,), (1.0,)), images, labels, 8)
