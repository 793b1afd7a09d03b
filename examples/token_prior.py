"""Train a small generative model on the tokens of compressed brains, and draw a brain from it.

    python examples/token_prior.py                    # made-up brains, about three minutes
    python examples/token_prior.py study.h5 --steps 2000

The tokens are those of the model `tudosiu2020-baur`, level by level: the coarse codes come from a
prior, the middle codes are drawn given the coarse ones, the fine ones given both, as in the line
of work of Tudosiu et al. 2020. The prior of a level is a masked one: a convolutional network sees
the coarser levels, the stages of a site's codes that are known already, and some codes of the next
stage, and guesses the others. To draw a stage, all of its codes are hidden, then uncovered in a few
rounds.

Needs nilearn for the made-up brains (smooth deformations of its MNI152 template at 3 mm) and
matplotlib for the picture: python -m pip install 'vqcodec[demo]'.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

import vqcodec

MODEL = "tudosiu2020-baur"
LEVELS = ("coarse", "middle", "fine")
ENTRIES = 256
HIDDEN = ENTRIES  # one more than the codes
SPACING_MM = 3
ROUNDS = 6


def made_up_brains(folder: Path, count: int) -> Path:
    """Compress deformed copies of the MNI152 template; what is there already stays."""
    from nilearn import datasets
    from scipy.ndimage import gaussian_filter, map_coordinates, zoom

    image = datasets.load_mni152_template(resolution=SPACING_MM)
    template = image.get_fdata(dtype=np.float32)
    template /= np.percentile(template[template > 0], 99)
    shape = template.shape
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij")).astype(np.float32)
    middle = (np.array(shape, np.float32) / 2)[:, None, None, None]
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        path = folder / f"sub-{number:03d}_T1w.vqz"
        if path.exists():
            continue
        rng = np.random.default_rng(number)
        size = rng.normal(1.12, 0.03, (3, 1, 1, 1))  # a little smaller, for grids of one shape
        noise = rng.normal(0, 1, (3, *(-(-side // 4) for side in shape)))
        smooth = gaussian_filter(noise, (0, 2.5, 2.5, 2.5))
        warp = np.stack([zoom(part, np.divide(shape, part.shape), order=1) for part in smooth])
        warp *= 1.2 / warp.std()
        x = map_coordinates(template, (grid - middle) * size + middle + warp, order=1)
        x = np.where(x > 0.05, x ** rng.uniform(0.8, 1.25), 0).astype(np.float32)
        vqcodec.encode(x, affine=image.affine, model=MODEL).save(path)
        print(f"{path}: {path.stat().st_size} bytes", flush=True)
    return folder


class LevelPrior(nn.Module):
    """Logits of the next stage of codes, given coarser levels, earlier stages and some codes."""

    def __init__(self, stages: int, sites: torch.Size, seen: int, width: int) -> None:
        super().__init__()
        self.codes = nn.ModuleList(nn.Embedding(ENTRIES + 1, width) for _ in range(stages))
        self.stage = nn.Embedding(stages, width)
        self.place = nn.Parameter(0.02 * torch.randn(1, width, *sites))
        self.seen = nn.Conv3d(seen, width, 1) if seen else None
        self.body = nn.ModuleList(
            nn.Sequential(
                nn.GroupNorm(4, width),
                nn.SiLU(),
                nn.Conv3d(width, width, 3, padding=1),
                nn.SiLU(),
                nn.Conv3d(width, width, 3, padding=1),
            )
            for _ in range(3)
        )
        self.norm = nn.GroupNorm(4, width)
        self.out = nn.ModuleList(nn.Linear(width, ENTRIES) for _ in range(stages))
        for embedding in (self.stage, *self.codes):
            nn.init.normal_(embedding.weight, std=0.1)

    def forward(self, codes_BSDHW: Tensor, stage: int, seen_BCDHW: Tensor | None) -> Tensor:
        """Logits ``(B, D, H, W, 256)``; codes of this stage may be hidden, later ones are."""
        x = self.place + self.stage.weight[stage][:, None, None, None]
        for number in range(stage + 1):
            x = x + self.codes[number](codes_BSDHW[:, number]).movedim(-1, 1)
        if self.seen is not None:
            x = x + self.seen(seen_BCDHW)
        for block in self.body:
            x = x + block(x)
        return self.out[stage](self.norm(x).movedim(1, -1))


class Prior(nn.Module):
    """The priors of the three levels."""

    def __init__(self, item: dict[str, Tensor], codebooks: dict[str, Tensor], width: int) -> None:
        super().__init__()
        self.shapes = {level: item[level].shape for level in LEVELS}
        self.dimensions = {level: codebooks[level].shape[-1] for level in LEVELS}
        self.levels = nn.ModuleDict()
        for place, level in enumerate(LEVELS):
            stages, *sites = self.shapes[level]
            seen = sum(self.dimensions[above] for above in LEVELS[:place])
            self.levels[level] = LevelPrior(stages, torch.Size(sites), seen, width)
            self.register_buffer(f"codebooks_{level}", codebooks[level])

    def above(self, level: str, codes: dict[str, Tensor]) -> Tensor | None:
        """Embeddings of all coarser levels on the grid of this one."""
        sites = list(self.shapes[level][1:])
        parts = []
        for coarser in LEVELS[: LEVELS.index(level)]:
            codebook_SKC = getattr(self, f"codebooks_{coarser}")
            vectors = [codebook_SKC[s][codes[coarser][:, s]] for s in range(len(codebook_SKC))]
            embedded = torch.stack(vectors).sum(0).movedim(-1, 1)
            parts.append(nn.functional.interpolate(embedded, sites))
        return torch.cat(parts, 1) if parts else None

    def loss(self, level: str, codes: dict[str, Tensor]) -> Tensor:
        """Cross-entropy of hidden codes, all stages of a level one after the other."""
        seen = self.above(level, codes)
        losses = []
        for stage in range(codes[level].shape[1]):
            grid = codes[level].clone()
            share = math.cos(0.5 * math.pi * float(torch.rand(())))
            hidden = torch.rand(grid[:, stage].shape) <= share
            hidden |= ~hidden.any()  # all, where there would be none
            wanted = grid[:, stage][hidden]
            grid[:, stage][hidden] = HIDDEN
            logits = self.levels[level](grid, stage, seen)
            losses.append(nn.functional.cross_entropy(logits[hidden], wanted))
        return torch.stack(losses).mean()

    @torch.no_grad()
    def draw(self, temperature: float) -> dict[str, Tensor]:
        """Codes of one volume."""
        codes: dict[str, Tensor] = {}
        for level in LEVELS:
            stages, *sites = self.shapes[level]
            grid = torch.full((1, stages, *sites), HIDDEN)
            seen = self.above(level, codes)
            for stage in range(stages):
                self._uncover(level, grid, stage, seen, temperature)
            codes[level] = grid
        return codes

    def _uncover(
        self, level: str, grid: Tensor, stage: int, seen: Tensor | None, temperature: float
    ) -> None:
        flat = grid[0, stage].view(-1)
        for turn in range(ROUNDS):
            logits = self.levels[level](grid, stage, seen)[0].reshape(-1, ENTRIES)
            chances = torch.softmax(logits / temperature, -1)
            drawn = torch.multinomial(chances, 1)[:, 0]
            certainty = chances.gather(1, drawn[:, None])[:, 0].log()
            noise = -torch.log(-torch.log(torch.rand_like(certainty)))
            certainty += temperature * (1 - turn / ROUNDS) * noise
            certainty[flat != HIDDEN] = -math.inf
            left = math.floor(len(flat) * math.cos(0.5 * math.pi * (turn + 1) / ROUNDS) + 1e-6)
            count = int((flat == HIDDEN).sum()) - left
            if count > 0:
                best = certainty.topk(count).indices
                flat[best] = drawn[best]


def train(prior: Prior, loader: DataLoader[dict[str, Tensor]], steps: int) -> None:
    """Train all levels side by side."""
    optimiser = torch.optim.AdamW(prior.parameters(), 2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    step, started = 0, time.monotonic()
    while step < steps:
        for batch in loader:
            codes = {level: batch[level].long() for level in LEVELS}
            losses = {level: prior.loss(level, codes) for level in LEVELS}
            optimiser.zero_grad()
            torch.stack(list(losses.values())).sum().backward()
            nn.utils.clip_grad_norm_(prior.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            step += 1
            if step % 25 == 0 or step == steps:
                shown = ", ".join(f"{name} {loss.item():.2f}" for name, loss in losses.items())
                took = time.monotonic() - started
                print(f"step {step}/{steps}, {took:.0f} s: nats a code: {shown}", flush=True)
            if step == steps:
                return


def picture(path: Path, rows: dict[str, np.ndarray]) -> None:
    """Three slices of each volume."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(len(rows), 3, figsize=(7, 2.4 * len(rows)), squeeze=False)
    for row, (title, volume) in zip(axes, rows.items(), strict=True):
        for axis, panel in enumerate(row):
            panel.imshow(
                np.take(volume, volume.shape[axis] // 2, axis).T,
                cmap="gray",
                origin="lower",
                vmin=0,
                vmax=1,
            )
            panel.set_axis_off()
        row[1].set_title(title, fontsize=9)
    figure.savefig(path, dpi=120, bbox_inches="tight")


def main() -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", help="folder of .vqz files, or archive, of one shape")
    parser.add_argument("--out", type=Path, default=Path("token-prior"), help="[token-prior]")
    parser.add_argument("--brains", type=int, default=24, help="how many to make up [24]")
    parser.add_argument("--steps", type=int, default=250, help="[250]")
    parser.add_argument("--width", type=int, default=32, help="channels of the networks [32]")
    parser.add_argument("--samples", type=int, default=2, help="[2]")
    parser.add_argument("--temperature", type=float, default=0.6, help="[0.6]")
    options = parser.parse_args()
    torch.manual_seed(0)
    data = options.data or made_up_brains(options.out / "brains", options.brains)
    dataset = vqcodec.CodesDataset(data, cache=options.out / "codes").of_one_shape()
    print(f"{len(dataset)} brains with codes of one shape")
    codebooks = {name: torch.from_numpy(each) for name, each in dataset.codebooks.items()}
    prior = Prior(dataset[0], codebooks, options.width)
    loader = DataLoader(dataset, batch_size=4, shuffle=True)
    train(prior, loader, options.steps)
    rows = {"training scan": vqcodec.decode_codes(dataset[0], dataset.model)}
    for number in range(options.samples):
        codes = prior.draw(options.temperature)
        grids = {level: grid[0].to(torch.uint8) for level, grid in codes.items()}
        volume = vqcodec.decode_codes(grids, dataset.model)
        np.save(options.out / f"sample-{number}.npy", volume)
        rows[f"sample {number}"] = volume
    picture(options.out / "samples.png", rows)
    print(options.out / "samples.png")


if __name__ == "__main__":
    main()
