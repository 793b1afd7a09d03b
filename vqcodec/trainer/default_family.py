"""The recipe of the default model, stage by stage.

``python -m vqcodec.trainer.default_family DATA RUN STAGE...``: every stage reads a data folder
with a ``manifest.csv`` and what earlier stages left in the run folder, and can be repeated.

``samples``      rows for the context networks (train and val)
``contexts``     the context networks and their first tables
``mask``         the mask networks
``holes``        the networks that find background inside of the coded region, with an encoder
``weights``      tables and centroids from real encodings; the weights file
``pairs``        original and decoded scans, made with that weights file
``restoration``  the restoration network; then run ``weights`` again
``trellis``      from ``--start`` a model for a trellis: its tables, codebooks and offsets
``finer``        the model ``--start`` with context networks that read integers, to train on from
``eight``        the model ``--start`` with a trellis of eight states
``trained``      the model of the run folder with the networks that ``timed_training`` left there
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from ..entropy.groups import GROUPS
from ..models.restoration import RestorationNetwork, restoration_network
from ..registry import read_weights
from .build_contexts import build
from .build_model import build_model, refine, write_model
from .context_samples import collect as collect_samples
from .hole_prior import build_holes
from .mask_prior import build_mask
from .restoration import collect as collect_pairs
from .restoration import load_pairs, train
from .trellis_start import (
    refined,
    trellis_tensors,
    with_eight_states,
    with_finer_maps,
    with_trained,
)

STAGES = (
    "samples",
    "contexts",
    "mask",
    "holes",
    "weights",
    "pairs",
    "restoration",
    "trellis",
    "finer",
    "eight",
    "trained",
)
TRAINED_SCANS = 40


def run(stage: str, options: argparse.Namespace) -> None:
    """Run one stage."""
    root, folder, weights = options.data, options.run, options.run / "model.safetensors"
    folder.mkdir(parents=True, exist_ok=True)
    start = read_weights(options.start).tensors if options.start else None
    if stage == "samples":
        encoder = weights if weights.exists() else options.start
        for split, count in (("val", 16), ("train", options.jobs)):
            samples = folder / f"samples-{split}"
            collect_samples(root, samples, range(count), count, split, encoder)
    elif stage == "contexts":
        for group in range(len(GROUPS)):
            build(folder / "samples-train", folder / "samples-val", folder, group, start)
    elif stage == "mask":
        build_mask(root, folder, options.masks, steps=15000)
    elif stage == "holes":
        encoder = weights if weights.exists() else options.start
        build_holes(root, folder, encoder, options.ragged, steps=4000)
    elif stage == "weights":
        print(build_model(root, folder, weights, options.id, options.scans, 3, start))
    elif stage == "trellis":
        tensors = refined(trellis_tensors(start or {}), root)
        print(write_model(weights, tensors, options.id))
    elif stage == "finer":
        print(write_model(weights, with_finer_maps(start or {}), options.id))
    elif stage == "eight":
        if start is None:
            raise SystemExit("stage eight goes on from a model for a trellis: --start FILE")
        print(write_model(weights, with_eight_states(start), options.id))
    elif stage == "trained":
        tensors = with_trained(read_weights(weights).tensors, folder)
        tensors = refine(tensors, root, TRAINED_SCANS, 300, "offsets")
        print(write_model(weights, tensors, options.id))
    elif stage == "pairs":
        encoder = weights if weights.exists() else options.start
        collect_pairs(root, encoder, folder / "pairs-val", 8, "val")
        collect_pairs(root, encoder, folder / "pairs-train", options.pairs, "train")
    else:
        train(
            load_pairs(folder / "pairs-train"),
            load_pairs(folder / "pairs-val"),
            folder / "restoration.pt",
            network=_first_network(start, options),
            steps=options.restoration_steps,
            batch=4,
            learning_rate=1.2e-3 if start else 2e-3,
        )


def _first_network(
    start: Mapping[str, NDArray[Any]] | None, options: argparse.Namespace
) -> RestorationNetwork:
    """An untrained network, or that of an earlier model with more convolutions."""
    known = restoration_network(start or {})
    if known is None:
        return RestorationNetwork(options.width, options.depth)
    network = RestorationNetwork(known.third.in_channels, options.depth)
    network.load_state_dict(known.state_dict(), strict=False)
    return network


def main() -> None:
    """Parse the command line and run the stages asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder with manifest.csv")
    parser.add_argument("run", type=Path, help="folder for everything made on the way")
    parser.add_argument("stages", nargs="+", choices=STAGES)
    parser.add_argument("--start", type=Path, help="weights file of an earlier model to go on from")
    parser.add_argument("--id", default="wavelet-local")
    parser.add_argument("--jobs", type=int, default=300, help="scans to draw samples from")
    parser.add_argument("--masks", type=int, default=600)
    parser.add_argument("--ragged", type=int, default=60, help="scans to find holes in")
    parser.add_argument("--scans", type=int, default=50, help="scans a refinement pass encodes")
    parser.add_argument("--pairs", type=int, default=190)
    parser.add_argument("--width", type=int, default=48, help="channels of the restoration")
    parser.add_argument("--depth", type=int, default=3, help="residual convolutions of it")
    parser.add_argument("--restoration-steps", type=int, default=2500)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for stage in options.stages:
        run(stage, options)


if __name__ == "__main__":
    main()
