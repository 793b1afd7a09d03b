"""Tables and drawings of voxel-based morphometry, original against decoded."""

from __future__ import annotations

import base64
import importlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from .documents import Picture
from .tables import Table, number
from .vbm import VbmSettings, template
from .vbm_statistics import LEVEL, TOP_SHARE, Map, TTest, between, grey_mask, likeness, paired

FEWEST = 3


@dataclass
class Maps:
    """Maps of the subjects so far, originals and decoded in the same order."""

    subjects: list[str] = field(default_factory=list)
    before: list[Map] = field(default_factory=list)
    after: list[Map] = field(default_factory=list)


def results(
    maps: Maps, contrast: str, of_subject: dict[str, str], settings: VbmSettings
) -> tuple[list[Table], list[Picture]]:
    """Tables and drawings of the subjects so far."""
    if len(maps.subjects) < FEWEST:
        return [Table("Voxel-based morphometry", ("test", "subjects"), (), ("too few maps",))], []
    mask = grey_mask(maps.before)
    change = paired(maps.before, maps.after, mask)
    shift = np.abs(np.mean(np.stack(maps.after) - np.stack(maps.before), axis=0))[mask]
    spread = float(np.mean(np.stack(maps.before)[:, mask].std(axis=0, ddof=1)))
    rows = [
        (
            "original against decoded, paired",
            str(len(maps.subjects)),
            str(int(mask.sum())),
            number(change.largest, ".2f"),
            str(int(change.significant.sum())),
            number(100.0 * float(change.significant.sum()) / float(mask.sum()), ".2f"),
            number(float(shift.mean()) / spread, ".4f"),
        )
    ]
    columns = (
        *("test", "subjects", "voxels", "largest |t|", "significant", "significant %"),
        "mean change / spread",
    )
    notes = (
        f"Significant: two-sided, false discovery rate {LEVEL:g} over the grey matter. Mean "
        "change: mean over voxels of the absolute mean difference, in standard deviations between "
        "subjects.",
    )
    tables = [Table("Does decoding change grey matter?", columns, tuple(rows), notes)]
    pictures = [drawn("Original against decoded, paired t", change, settings)]
    names = sorted({of_subject[name] for name in maps.subjects if name in of_subject})
    if contrast and len(names) == 2:
        found = contrast_tests(maps, of_subject, names)
        if found is not None:
            tables.append(contrast_table(contrast, found, maps, settings))
            pictures += [
                drawn(f"{contrast}, {name}", test, settings)
                for name, test in zip(("originals", "decoded"), found, strict=True)
            ]
    return tables, pictures


def contrast_tests(
    maps: Maps, of_subject: dict[str, str], names: Sequence[str]
) -> tuple[TTest, TTest] | None:
    """The group contrast on originals and on decoded volumes; None for groups below two."""
    places = [
        [index for index, subject in enumerate(maps.subjects) if of_subject.get(subject) == name]
        for name in names
    ]
    if min(map(len, places)) < 2:
        return None
    mask = grey_mask(maps.before)
    tests = [
        between([part[i] for i in places[0]], [part[i] for i in places[1]], mask)
        for part in (maps.before, maps.after)
    ]
    return tests[0], tests[1]


def contrast_table(
    contrast: str, tests: tuple[TTest, TTest], maps: Maps, settings: VbmSettings
) -> Table:
    """The two t-maps of a contrast side by side."""
    found = likeness(*tests, grey_mask(maps.before))
    row = (
        contrast,
        str(tests[0].freedom + 2),
        *(number(test.largest, ".2f") for test in tests),
        *(str(int(test.significant.sum())) for test in tests),
        number(found.correlation, ".4f"),
        number(found.overlap, ".3f"),
        number(found.overlap_top, ".3f"),
    )
    columns = (
        *("contrast", "subjects", "|t| originals", "|t| decoded", "significant", "decoded"),
        *("correlation", "overlap", f"overlap of top {100 * TOP_SHARE:g} %"),
    )
    notes = (
        "Correlation of the two t-maps over the grey matter; overlap: Dice of what is significant "
        "in either, and of the voxels with the largest |t|. The patients of ds002748 were among "
        "the training scans of the default model, the controls were not. Template at "
        f"{settings.resolution} mm, smoothed by {settings.fwhm:g} mm.",
    )
    return Table("A group contrast on originals and on decoded volumes", columns, (row,), notes)


def drawn(title: str, test: TTest, settings: VbmSettings) -> Picture:
    """A t-map on the template, as in Figures 3 and 4 of the paper."""
    import matplotlib as mpl

    mpl.use("agg")
    plotting: Any = importlib.import_module("nilearn.plotting")
    background = template(settings.resolution)
    upright = nib.as_closest_canonical(background)
    image = nib.Nifti1Image(test.t.astype(np.float32), upright.affine)
    display = plotting.plot_stat_map(
        image,
        bg_img=background,
        display_mode="z",
        cut_coords=(-30, -10, 10, 30, 50),
        vmax=6.0,
        threshold=0.5,
        cmap="cold_hot",
        title=title,
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "map.png")
        display.savefig(file, dpi=80)
        display.close()
        return Picture(title, base64.b64encode(file.read_bytes()).decode("ascii"))
