"""One rank of a distributed training run: ``two_ranks.py RANK MEETING_FILE RESULT_FILE``."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import torch.distributed as distributed
from safetensors.torch import save_file
from torch.nn.parallel import DistributedDataParallel

from vqcodec.models.paper import PaperConfig, PaperNetwork

RANKS = 2
STEPS = 3


def small_network() -> PaperNetwork:
    config = PaperConfig(
        stages=(1, 2, 2),
        embeddings=(4, 4, 4),
        encoder_channels=(2, 2, 4, 4, 4, 4, 4),
        decoder_channels=(4, 4, 4, 4, 2),
        codebook_size=8,
        stage_dropout=0.5,
        stem="space-to-depth",
        stem_channels=4,
        stem_blocks=1,
    )
    return PaperNetwork(config)


def train(rank: int) -> PaperNetwork:
    """Steps on data that differ between the ranks, as the random numbers do."""
    torch.manual_seed(0)
    network = small_network()
    # Without the wrapper's own copying of buffers, only the codebooks' reductions keep them equal.
    together = DistributedDataParallel(network, broadcast_buffers=False)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    torch.manual_seed(100 + rank)
    for _ in range(STEPS):
        x = torch.rand(1, 1, 64, 64, 64) * (rank + 1)
        output = together(x)
        loss = (output.reconstruction_B1DHW - x).square().mean() + output.latent_loss(0.25)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network


def main(rank: int, meeting: str, result: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=RANKS)
    save_file(train(rank).state_dict(), result)
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]).as_uri(), sys.argv[3])
