"""Random streams: the numbers of torch.manual_seed, without an effect outside of the block."""

import torch

from foveal.seeding import derive_seed, fork_rng


def test_block_draws_what_its_seed_gives_and_restores_the_generator() -> None:
    torch.manual_seed(derive_seed(3, "gates", "layer1"))
    expected = torch.rand(5)
    torch.manual_seed(11)
    uninterrupted = torch.rand(6)
    torch.manual_seed(11)
    first = torch.rand(3)
    with fork_rng(3, "gates", "layer1"):
        assert torch.equal(torch.rand(5), expected)
    with fork_rng(3, "gates", "layer2"):
        assert not torch.equal(torch.rand(5), expected)
    assert torch.equal(torch.cat((first, torch.rand(3))), uninterrupted)
