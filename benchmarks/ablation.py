"""What parts of the default model are worth: the codec without them, at the same qualities.

Restoration is taken away by a weights file without its tensors; the encoder's search by its
effort. A quality fixes the quantiser step, so a row compares files of one step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from .bd_rate import NoDifferenceError, rate_difference
from .curves import Point
from .own_curve import (
    NoEffortError,
    OwnCodec,
    default_effort,
    findable,
    own_codec,
    own_points,
)
from .scans import Scan

QUALITIES = (1.0, 3.0, 5.0, 7.0, 9.0)
EFFORTS = (1, 5, 9)
RESTORATION = "restoration/"
WHOLE = "default"
EVERY_RATE = (0.0, 100.0)


@dataclass(frozen=True)
class Ablation:
    """All variants on one scan.

    Attributes
    ----------
    scan, group : str
        Subject and data set.
    points : mapping of str to list of Point
        By variant; the setting of a point is its quality.
    notes : tuple of str
        What was refused.
    """

    scan: str
    group: str
    points: Mapping[str, list[Point]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def record(self) -> dict[str, Any]:
        """JSON values, with the rate differences to the default."""
        variants = {name: self.bd_rate(name) for name in self.points if name != WHOLE}
        return asdict(self) | {"bd_rate": variants}

    def at(self, variant: str, quality: float) -> Point | None:
        """The point of a variant at a quality."""
        found = [point for point in self.points.get(variant, ()) if point.setting == quality]
        return found[0] if found else None

    def decibels(self, variant: str, quality: float) -> float | None:
        """Gain in foreground PSNR over the default at one quality."""
        ours, whole = self.at(variant, quality), self.at(WHOLE, quality)
        if ours is None or whole is None:
            return None
        return ours.figures.psnr_foreground - whole.figures.psnr_foreground

    def bytes_percent(self, variant: str, quality: float) -> float | None:
        """Growth of the file over that of the default at one quality, in percent."""
        ours, whole = self.at(variant, quality), self.at(WHOLE, quality)
        if ours is None or whole is None:
            return None
        return 100.0 * (ours.nbytes / whole.nbytes - 1.0)

    def bd_rate(self, variant: str) -> float | None:
        """Rate difference to the default in percent, over all qualities."""
        try:
            whole, ours = self.points.get(WHOLE, ()), self.points.get(variant, ())
            return rate_difference(whole, ours, *EVERY_RATE).percent
        except NoDifferenceError:
            return None


def measured_ablation(
    scan: Scan, codecs: Sequence[OwnCodec], say: Callable[[str], None] = lambda line: None
) -> Ablation:
    """Every variant at every quality on one scan; ``say`` gets a line of progress at a time."""
    notes: list[str] = []
    points = {}
    for codec in codecs:
        say(f"{scan.name}: {codec.name}")
        points[codec.name] = own_points(scan, codec, "quality", QUALITIES, notes.append)
    return Ablation(scan.name, scan.group, points, tuple(notes))


@contextmanager
def variants(
    model: str | None, device: str, say: Callable[[str], None]
) -> Iterator[list[OwnCodec]]:
    """The default and what is left of it; files of all of them can be decoded meanwhile.

    Parameters
    ----------
    model : str, optional
        Id or path of the weights that parts are taken from.
    device : str
        Device of the codec.
    say : callable
        Gets a line for each variant that there cannot be.

    Raises
    ------
    ModelUnavailableError
        There is no such model.
    """
    with ExitStack() as stack:
        stack.enter_context(findable(model))
        codecs = [own_codec(WHOLE, model=model, device=device, force=True)]
        folder = stack.enter_context(TemporaryDirectory(prefix="vqcodec-ablation-"))
        bare = weights_without((RESTORATION,), model, Path(folder))
        if bare is None:
            say("no restoration: not measured, the model has none")
        else:
            stack.enter_context(findable(bare))
            name = "no restoration"
            codecs.append(own_codec(name, model=str(bare), device=device, force=True))
        for effort in EFFORTS:
            name = f"effort {effort}"
            try:
                if effort == default_effort():
                    say(f"{name}: that of the default")
                    continue
                chosen = own_codec(name, model=model, device=device, effort=effort, force=True)
            except NoEffortError as error:
                say(f"{name}: not measured, {error}")
            else:
                codecs.append(chosen)
        yield codecs


def weights_without(parts: tuple[str, ...], model: str | None, folder: Path) -> Path | None:
    """Weights without the tensors of some parts.

    They keep the name, which is in every file and would lengthen it; their identity tells them
    apart.

    Parameters
    ----------
    parts : tuple of str
        What the names of those tensors begin with.

    Returns
    -------
    Path or None
        A weights file in ``folder``; None where the model has no such tensors.
    """
    import vqcodec
    from vqcodec.registry import write_weights

    loaded = vqcodec.load_model(model)
    kept: dict[str, np.ndarray] = {
        name: array for name, array in loaded.tensors.items() if not name.startswith(parts)
    }
    if len(kept) == len(loaded.tensors):
        return None
    path = folder / "without.safetensors"
    write_weights(path, kept, loaded.config, model_id=loaded.id, family=loaded.family)
    return path
