"""Training for a set time, on a GPU if there is one, on draws that processes make meanwhile.

``python -m vqcodec.trainer.timed_training DATA RUN WHAT --start WEIGHTS --draws FOLDER``:

``workers``      make draws and pairs, until the minutes are over
``contexts``     train the context networks (with more hidden units, if asked) on draws, which are
                 deleted once they are read
``restoration``  train the restoration network on pairs

All three can run side by side. They go on from the networks of a weights file, and leave in the
run folder what stage ``trained`` of ``default_family`` takes from there.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch

from ..models.restoration import restoration_network
from ..registry import read_weights
from .draw_workers import start_workers
from .timed_contexts import train_contexts
from .timed_restoration import train_restoration


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder with manifest.csv")
    parser.add_argument("run", type=Path, help="folder for what is trained")
    parser.add_argument("what", choices=("workers", "contexts", "restoration"))
    parser.add_argument("--start", type=Path, required=True, help="weights file to go on from")
    parser.add_argument(
        "--encoder", type=Path, help="weights file of the model that encodes, if another one"
    )
    parser.add_argument("--draws", type=Path, required=True, help="folder for draws")
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--workers", type=int, default=13)
    parser.add_argument("--first-job", type=int, default=0)
    parser.add_argument("--rate", type=float, default=1e-3, help="largest learning rate")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--patches", type=int, default=32, help="of a step of the restoration")
    parser.add_argument(
        "--start-share", type=float, default=0.0, help="of the first restoration in the written one"
    )
    parser.add_argument("--keeps", action="store_true", help="leave pairs to another process")
    parser.add_argument(
        "--hidden",
        type=int,
        nargs=8,
        action="append",
        default=[],
        help="hidden units of both layers of the four groups, if more; may be given several times",
    )
    options = parser.parse_args()
    options.run.mkdir(parents=True, exist_ok=True)
    options.draws.mkdir(parents=True, exist_ok=True)
    seconds, device = 60 * options.minutes, torch.device(options.device)
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
    if options.what == "workers":
        for process in start_workers(
            options.data,
            options.encoder or options.start,
            options.start,
            options.draws,
            options.workers,
            time.time() + seconds,
            options.first_job,
        ):
            process.join()
    elif options.what == "contexts":
        sizes = [tuple(zip(h[::2], h[1::2], strict=True)) for h in options.hidden]
        train_contexts(
            options.start,
            options.draws,
            options.run,
            sizes=sizes,
            seconds=seconds,
            device=device,
            rate=options.rate,
        )
    else:
        network = restoration_network(read_weights(options.start).tensors)
        if network is None:
            raise SystemExit(f"{options.start} holds no restoration")
        train_restoration(
            network.requires_grad_(True),
            options.draws,
            options.run / "restoration-0.pt",
            seconds=seconds,
            device=device,
            rate=options.rate,
            patches=options.patches,
            keeps_files=options.keeps,
            start_share=options.start_share,
        )


if __name__ == "__main__":
    main()
