"""The optimiser of compact priors, against PyTorch's own Muon and AdamW."""

import pytest
import torch
from torch import nn

from gpslift.priors.muon import MuonAdamW, orthogonalize
from gpslift.schema.image_prior import OptimConfig
from systems.optimizers import make_optimizer
from tests.priors.conftest import tiny_prior


class Network(nn.Module):
    """Parameters of every kind, inner matrices wide and tall."""

    def __init__(self) -> None:
        super().__init__()
        self.token_embedding = nn.Linear(4, 8)
        self.wide, self.tall = nn.Linear(12, 5), nn.Linear(5, 12)
        self.convolution = nn.Conv2d(3, 8, 3)


def networks() -> tuple[Network, Network]:
    first, second = Network(), Network()
    second.load_state_dict(first.state_dict())
    return first, second


def give_gradients(seed: int, *modules: nn.Module) -> None:
    for module in modules:
        generator = torch.Generator().manual_seed(seed)
        for parameter in module.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator)


def test_orthogonal_matrices_come_out() -> None:
    torch.manual_seed(0)
    for shape in ((6, 40), (40, 6)):
        matrix = torch.randn(shape)
        u, _, v = torch.linalg.svd(matrix, full_matrices=False)
        found = u.T @ orthogonalize(matrix) @ v.T
        singular = found.diagonal()
        assert ((singular > 0.6) & (singular < 1.3)).all()
        assert (found - torch.diag(singular)).abs().max() < 1e-4  # the singular vectors stay


def test_encoders_may_keep_still() -> None:
    """With a learning rate of their own, text and place encoder are AdamW's, matrices included."""
    prior = tiny_prior()
    optim = OptimConfig(optimizer="muon", lr=1e-3, matrix_lr=0.02, encoder_lr=1e-4)
    for network in prior.networks.values():
        network.requires_grad_(True)
    rest, matrices, still = make_optimizer(prior.networks, optim, torch.float32).param_groups
    assert [group["lr"] for group in (rest, matrices, still)] == [1e-3, 0.02, 1e-4]
    assert matrices["matrices"] and not still["matrices"]
    encoders = [*prior.text_encoder.parameters(), *prior.place_encoder.parameters()]
    assert {id(parameter) for parameter in still["params"]} == {id(parameter) for parameter in encoders}
    inner = [name for name, p in prior.unet.named_parameters() if any(p is matrix for matrix in matrices["params"])]
    assert "class_embedding.linear_1.weight" in inner and "time_embedding.linear_1.weight" not in inner


def test_it_steps_as_torch_does() -> None:
    torch.manual_seed(0)
    ours, theirs = networks()
    optimizer = MuonAdamW([ours], lr=1e-2, matrix_lr=0.03, weight_decay=0.1, dtype=torch.bfloat16)
    inner = [theirs.wide.weight, theirs.tall.weight]
    rest = [
        theirs.token_embedding.weight,
        theirs.token_embedding.bias,
        theirs.wide.bias,
        theirs.tall.bias,
        theirs.convolution.bias,
    ]
    muon = torch.optim.Muon(inner, lr=0.03, weight_decay=0.1, momentum=0.95)
    adamw = torch.optim.AdamW(rest, lr=1e-2, betas=(0.9, 0.99), weight_decay=0.1)
    for seed in range(3):
        give_gradients(seed, ours, theirs)
        for step in (optimizer, muon, adamw):
            step.step()
    for name, parameter in ours.named_parameters():
        if name != "convolution.weight":  # PyTorch's takes no kernels
            torch.testing.assert_close(parameter, theirs.get_parameter(name), rtol=1e-4, atol=1e-5)


def test_a_kernel_is_the_matrix_of_its_flattened_filters() -> None:
    torch.manual_seed(0)
    network = Network()
    before = network.convolution.weight.detach().clone()
    optimizer = MuonAdamW([network], lr=1e-2, matrix_lr=0.03, weight_decay=0.0)
    give_gradients(0, network)
    assert network.convolution.weight.grad is not None
    gradient = network.convolution.weight.grad.clone()
    optimizer.step()
    step = orthogonalize(gradient.flatten(1)).reshape(before.shape)  # any positive multiple of it gives the same
    torch.testing.assert_close(network.convolution.weight, before - 0.03 * step, rtol=1e-4, atol=1e-5)
    assert torch.equal(network.convolution.weight.grad, gradient)


def test_it_goes_on_from_its_saved_state() -> None:
    torch.manual_seed(0)
    first, second = networks()
    make = lambda network: MuonAdamW([network], lr=1e-2, matrix_lr=0.03, weight_decay=0.1)  # noqa: E731
    whole, before = make(first), make(second)
    for seed in range(4):
        give_gradients(seed, first)
        whole.step()
    for seed in range(2):
        give_gradients(seed, second)
        before.step()
    after = make(second)
    after.load_state_dict(before.state_dict())
    for seed in range(2, 4):
        give_gradients(seed, second)
        after.step()
    for name, parameter in first.named_parameters():
        assert torch.equal(parameter, second.get_parameter(name)), name


def test_a_closure_is_called_with_gradients_on() -> None:
    network = Network()
    optimizer = MuonAdamW([network], lr=1e-2, matrix_lr=0.03, weight_decay=0.1)

    def closure() -> float:
        loss = sum(parameter.square().sum() for parameter in network.parameters())
        assert isinstance(loss, torch.Tensor)
        loss.backward()
        return float(loss.detach())

    first = optimizer.step(closure)
    optimizer.zero_grad()
    assert optimizer.step(closure) == pytest.approx(first, rel=0.5)
