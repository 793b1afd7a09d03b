"""The tables of a recipe: what a step sees, what it minimises and how, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Precision = Literal["float32", "bfloat16", "float16"]


@dataclass(frozen=True)
class DataSettings:
    """What a training step sees.

    Attributes
    ----------
    patch : tuple of int
        D, H, W; ``[192, 256, 192]`` is a full volume of the paper's.
    batch_size : int
        Patches a step, on each process.
    splits, validation_splits : tuple of str
        Of the pack.
    synthetic_share : float
        Probability that a patch is of a synthetic volume instead of the pack's.
    workers : int
        Processes that prepare patches; 0 does it in the training process.
    validation_scans : int
        Most scans to measure on; the middle patch of each.
    """

    patch: tuple[int, int, int] = (128, 128, 128)
    batch_size: int = 1
    splits: tuple[str, ...] = ("train",)
    validation_splits: tuple[str, ...] = ("val",)
    synthetic_share: float = 0.0
    workers: int = 0
    validation_scans: int = 4


@dataclass(frozen=True)
class LossSettings:
    """Reconstruction loss and commitment; see :mod:`vqcodec.trainer.losses`.

    Attributes
    ----------
    kind : {"baur", "adaptive", "hybrid"}
    commitment : float
        Weight of the second term of equation 4.
    per_voxel : bool
        Baur loss per voxel instead of the paper's sum over the volume.
    gradient_wait, gradient_ramp, gradient_top : number
        The course of lambda.
    scale_start : float
        First scale of the adaptive loss.
    adaptive_learning_rate : float
        Of its alpha and scale.
    baur_weight, adaptive_weight : float
        Of the hybrid.
    """

    kind: Literal["baur", "adaptive", "hybrid"] = "baur"
    commitment: float = 0.25
    per_voxel: bool = True
    gradient_wait: int = 100_000
    gradient_ramp: int = 10_000
    gradient_top: float = 5.0
    scale_start: float = 0.1
    adaptive_learning_rate: float = 1e-2
    baur_weight: float = 1.0
    adaptive_weight: float = 0.1


@dataclass(frozen=True)
class StartSettings:
    """Where a run begins that does not go on from a model.

    Attributes
    ----------
    kind : {"random", "linear"}
        FixUp's random weights, or the exact linear codec of
        :mod:`vqcodec.models.paper.linear_start`, which is 20 dB ahead.
    patches : int
        Patches whose latents the codebooks of a linear start are made from.
    """

    kind: Literal["random", "linear"] = "random"
    patches: int = 400


@dataclass(frozen=True)
class OptimiserSettings:
    """Adam with warm restarts.

    Attributes
    ----------
    learning_rate : float
        At the start of the first cycle.
    first_cycle, cycle_growth, cycle_decay, floor : number
        See :class:`vqcodec.trainer.schedule.CosineRestarts`.
    warm_up : int
        Steps over which the learning rate rises to that. Adam's first steps are as large as
        its rate whatever the gradients are, and destroy a good start.
    encoder_rate : float
        Factor on the learning rate of everything before the codes, where the gradient comes
        straight through the quantiser and is a rough guess; 0 holds the encoder still.
    clip_norm : float
        Largest norm of all gradients together; 0 does not clip.
    weight_average : float
        Decay of a moving average of the weights, which is measured and exported; 0 keeps none.
    """

    learning_rate: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.999)
    first_cycle: int = 6480
    cycle_growth: float = 1.25
    cycle_decay: float = 0.95
    floor: float = 1e-7
    warm_up: int = 0
    encoder_rate: float = 1.0
    clip_norm: float = 0.0
    weight_average: float = 0.0


@dataclass(frozen=True)
class RunSettings:
    """How long, how precisely, and what is written when. May change when a run is resumed.

    Attributes
    ----------
    steps : int
        Training steps in all.
    minutes : float
        Training time in all, over every resumption; 0 sets no limit.
    precision : {"float32", "bfloat16", "float16"}
        Of the networks; quantisers and losses always run in float32.
    gradient_checkpointing : bool
        Compute activations twice to save memory.
    checkpoint_minutes, checkpoint_steps : number
        How often to save; 0 steps leaves it to the minutes.
    log_steps, validation_steps, picture_steps : int
        How often to write a line of the log, to measure on held-out scans, and to draw;
        0 never does.
    """

    steps: int = 100_000
    minutes: float = 0.0
    precision: Precision = "float32"
    gradient_checkpointing: bool = False
    checkpoint_minutes: float = 10.0
    checkpoint_steps: int = 0
    log_steps: int = 50
    validation_steps: int = 1000
    picture_steps: int = 1000
