"""The log of a run: averages over a window of steps, one CSV line each."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ..formats.atomic import write_atomically
from ..models.collectives import sum_over_ranks


class Window:
    """Sums since the last line of the log; part of a checkpoint, so that a log goes on too.

    Parameters
    ----------
    codebook_size : int
        Entries of a codebook.

    Attributes
    ----------
    steps : int
        Steps summed up.
    """

    def __init__(self, codebook_size: int) -> None:
        self.codebook_size = codebook_size
        self.steps = 0
        self.sums: dict[str, Tensor] = {}
        self.histograms: dict[str, Tensor] = {}

    def add(self, terms: Mapping[str, float], codes: Mapping[str, Tensor]) -> None:
        """Take in a step.

        Parameters
        ----------
        terms : mapping of str to float
        codes : mapping of Tensor
            ``(B, S, D, H, W)``, uint8, of each level.
        """
        self.steps += 1
        for name, value in terms.items():
            pair = self.sums.setdefault(name, torch.zeros(2, dtype=torch.float64))
            pair += torch.tensor([value, 1.0], dtype=torch.float64)
        for level, codes_BSDHW in codes.items():
            counts_SK = histogram(codes_BSDHW, self.codebook_size)
            so_far = self.histograms.get(level)
            if so_far is None:
                self.histograms[level] = counts_SK
            elif len(so_far) < len(counts_SK):
                counts_SK[: len(so_far)] += so_far
                self.histograms[level] = counts_SK
            else:
                so_far[: len(counts_SK)] += counts_SK

    def close(self, device: torch.device) -> dict[str, float]:
        """Averages over the window and all ranks; the window starts again.

        Codebook ``usage_*`` (share of the entries) and ``perplexity_*`` are averages over the
        stages that were used. Every rank must call it.
        """
        row = {}
        for name, pair in sorted(self.sums.items()):
            total, count = sum_over_ranks(pair.to(device)).tolist()
            row[name] = total / count
        for level, counts_SK in self.histograms.items():
            usage, perplexity = usage_and_perplexity(sum_over_ranks(counts_SK.to(device)).cpu())
            row[f"usage_{level}"] = usage
            row[f"perplexity_{level}"] = perplexity
        self.steps, self.sums, self.histograms = 0, {}, {}
        return row

    def state_dict(self) -> dict[str, object]:
        """What a checkpoint keeps."""
        return {"steps": self.steps, "sums": self.sums, "histograms": self.histograms}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Go on from what :meth:`state_dict` returned."""
        steps, sums, histograms = state["steps"], state["sums"], state["histograms"]
        if isinstance(steps, int) and isinstance(sums, dict) and isinstance(histograms, dict):
            self.steps, self.sums, self.histograms = steps, dict(sums), dict(histograms)


def histogram(codes_BSDHW: Tensor, size: int) -> Tensor:
    """Occurrences of each code of each stage, ``(S, size)``, float64 on the CPU."""
    rows_SN = codes_BSDHW.detach().movedim(1, 0).flatten(1).cpu()
    return torch.stack([torch.bincount(row.long(), minlength=size) for row in rows_SN]).double()


def usage_and_perplexity(counts_SK: Tensor) -> tuple[float, float]:
    """Share of the entries in use, and exponential of the entropy; mean over stages in use."""
    used = counts_SK[counts_SK.sum(1) > 0]
    if not len(used):
        return 0.0, 0.0
    shares = used / used.sum(1, keepdim=True)
    perplexity = torch.special.entr(shares).sum(1).exp()
    return float((used > 0).double().mean()), float(perplexity.mean())


class CsvLog:
    """A CSV file whose columns may grow.

    Parameters
    ----------
    path : Path
    last_step : int, optional
        Drop lines after this step, which a resumed run will write again.
    """

    def __init__(self, path: Path, last_step: int | None = None) -> None:
        self.path = path
        self.columns: list[str] = []
        if path.is_file():
            rows = read_log(path)
            self.columns = list(rows[0]) if rows else []
            if last_step is not None:
                self._write([row for row in rows if float(row.get("step") or 0) <= last_step])

    def add(self, row: Mapping[str, float]) -> None:
        """Append a line.

        Raises
        ------
        OSError
            It cannot be written.
        """
        text = {name: _text(value) for name, value in row.items()}
        if new := [name for name in text if name not in self.columns]:
            rows = read_log(self.path) if self.path.is_file() else []
            self.columns += new
            self._write([*rows, text])
            return
        with self.path.open("a", encoding="utf-8", newline="") as file:
            csv.DictWriter(file, self.columns, lineterminator="\n").writerow(text)

    def _write(self, rows: list[dict[str, str]]) -> None:
        table = io.StringIO()
        writer = csv.DictWriter(table, self.columns, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(rows)
        write_atomically(self.path, table.getvalue().encode(), overwrite=True)


def read_log(path: Path) -> list[dict[str, str]]:
    """Lines of a log, each a dictionary; one that was cut short is left out."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            {name: value for name, value in row.items() if name is not None}
            for row in csv.DictReader(file)
            if None not in row.values()
        ]


def _text(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.9g}"
