"""The systems of the paper behind one interface: networks, losses, and who minimises what."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..models.paper import FAMILY_ID, PaperConfig, PaperNetwork, config_from_json
from .baselines import AlphaWgan, AlphaWganConfig
from .baselines.alpha_wgan import to_signed
from .baselines.alpha_wgan_training import (
    AlphaWganLosses,
    code_discriminator_loss,
    discriminator_loss,
    encoder_and_generator_loss,
)
from .failures import RecipeError
from .losses import AdaptiveLoss, BaurLoss, GradientTermSchedule, HybridLoss, ReconstructionLoss
from .recipe import Recipe
from .recipe_settings import LossSettings

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

Groups = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Outcome:
    """What a training step leaves to log.

    Attributes
    ----------
    terms : dict of Tensor
        Detached scalars.
    restored_B1DHW : Tensor
        Detached.
    codes : mapping of Tensor
        uint8 ``(B, S, D, H, W)`` of each level; empty for systems without codes.
    """

    terms: dict[str, Tensor]
    restored_B1DHW: Tensor
    codes: Mapping[str, Tensor]


Objectives = Generator[tuple[str, Tensor], None, Outcome]


class System(nn.Module, ABC):
    """Networks that train together.

    Attributes
    ----------
    network : Module
        What is averaged and exported.
    family : str
        Name of its kind in a weights file.
    precision : torch.dtype
        Of the network under autocast.
    codebook_size : int
        Entries of its codebooks; 0 without codebooks.
    """

    network: nn.Module
    family: str
    precision: torch.dtype
    codebook_size: int = 0

    @abstractmethod
    def groups(self, learning_rate: float) -> Groups:
        """Parameter groups of each optimiser."""

    @abstractmethod
    def objectives(self, x_B1DHW: Tensor, step: int) -> Objectives:
        """Yield optimiser and loss, one after the other; each is minimised before the next."""

    @abstractmethod
    def restore(self, x_B1DHW: Tensor) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Compress and decompress in evaluation mode: volumes and codes."""

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """Configuration of the network, as JSON values."""

    def autocast(self, x: Tensor) -> AbstractContextManager[Any]:
        """Run what is inside in the recipe's precision."""
        return torch.autocast(
            x.device.type, self.precision, enabled=self.precision != torch.float32
        )


class PaperSystem(System):
    """The hierarchical VQ-VAE with a reconstruction loss and commitment.

    Parameters
    ----------
    recipe : Recipe
    """

    family = FAMILY_ID

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        try:
            network_config: PaperConfig = config_from_json(recipe.network)
        except ValueError as error:
            raise RecipeError(f"network: {error}") from error
        self.network: PaperNetwork = PaperNetwork(
            network_config, recompute=recipe.run.gradient_checkpointing
        )
        self.codebook_size = network_config.codebook_size
        self.loss = reconstruction_loss(recipe.loss, recipe.data.patch)
        self.commitment = recipe.loss.commitment
        self.adaptive_learning_rate = recipe.loss.adaptive_learning_rate
        self.encoder_rate = recipe.optimiser.encoder_rate
        for part in (self.network.encoder, self.network.conditioning):
            part.requires_grad_(self.encoder_rate > 0)
        self.precision = DTYPES[recipe.run.precision]

    def groups(self, learning_rate: float) -> Groups:
        """One optimiser; alpha and scale of the adaptive loss have their own learning rate."""
        decoder = set(self.network.decoder.parameters())
        before = [p for p in self.network.parameters() if p not in decoder]
        groups = [{"params": list(self.network.decoder.parameters()), "lr": learning_rate}]
        if self.encoder_rate > 0:
            groups.append({"params": before, "lr": learning_rate * self.encoder_rate})
        if isinstance(self.loss, nn.Module) and (learned := list(self.loss.parameters())):
            groups.append({"params": learned, "lr": self.adaptive_learning_rate})
        return {"network": groups}

    def objectives(self, x_B1DHW: Tensor, step: int) -> Objectives:
        """One loss: reconstruction and equation 4."""
        with self.autocast(x_B1DHW):
            output = self.network(x_B1DHW)
        reconstruction = self.loss(output.reconstruction_B1DHW, x_B1DHW, step)
        latent = output.latent_loss(self.commitment)
        yield "network", reconstruction.total + latent
        terms = {
            "reconstruction": reconstruction.total.detach(),
            "latent": latent.detach(),
            **reconstruction.parts,
            **{f"commitment_{name}": term.detach() for name, term in output.commitment.items()},
        }
        return Outcome(terms, output.reconstruction_B1DHW.detach(), output.codes)

    @torch.no_grad()
    def restore(self, x_B1DHW: Tensor) -> tuple[Tensor, Mapping[str, Tensor]]:
        """All stages."""
        with self.autocast(x_B1DHW):
            output = self.network(x_B1DHW)
        return output.reconstruction_B1DHW.float(), output.codes

    def config(self) -> dict[str, Any]:
        """Settings of :class:`PaperConfig`."""
        return self.network.config.to_json()


class AlphaWganSystem(System):
    """The baseline of Kwon et al. 2019, on 64^3 voxels.

    Parameters
    ----------
    recipe : Recipe
    """

    family = "alpha-wgan"

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        if tuple(recipe.data.patch) != (64, 64, 64) or recipe.data.batch_size < 2:
            raise RecipeError("alpha-wgan needs data.patch=[64,64,64] and batches of 2 or more")
        if recipe.run.gradient_checkpointing:
            raise RecipeError("alpha-wgan has no gradient checkpointing")
        try:
            self.network: AlphaWgan = AlphaWgan(AlphaWganConfig(**recipe.network))
        except (TypeError, ValueError) as error:
            raise RecipeError(f"network: {error}") from error
        self.weights = AlphaWganLosses()
        self.precision = DTYPES[recipe.run.precision]

    def groups(self, learning_rate: float) -> Groups:
        """One optimiser for encoder and generator, and one for each discriminator."""
        model = self.network
        return {
            name: [{"params": [p for m in modules for p in m.parameters()], "lr": learning_rate}]
            for name, modules in {
                "encoder and generator": (model.encoder, model.generator),
                "discriminator": (model.discriminator,),
                "code discriminator": (model.code_discriminator,),
            }.items()
        }

    def objectives(self, x_B1DHW: Tensor, step: int) -> Objectives:
        """Three losses, in the order of the article."""
        signed = to_signed(x_B1DHW)
        terms: dict[str, Tensor] = {}
        for name, losses_of in (
            ("encoder and generator", encoder_and_generator_loss),
            ("discriminator", discriminator_loss),
            ("code discriminator", code_discriminator_loss),
        ):
            with self.autocast(x_B1DHW):
                losses = losses_of(self.network, signed, self.weights)
            yield name, torch.stack(list(losses.values())).sum()
            terms.update({part: value.detach() for part, value in losses.items()})
        with torch.no_grad():
            restored = self.network(x_B1DHW)
        return Outcome(terms, restored, {})

    @torch.no_grad()
    def restore(self, x_B1DHW: Tensor) -> tuple[Tensor, Mapping[str, Tensor]]:
        """No codes: the latent vector is real-valued."""
        with self.autocast(x_B1DHW):
            restored = self.network(x_B1DHW)
        return restored.float(), {}

    def config(self) -> dict[str, Any]:
        """Settings of :class:`AlphaWganConfig`."""
        return asdict(self.network.config)


def system_of(recipe: Recipe) -> System:
    """Build what a recipe trains; seed torch before for the same weights again.

    Raises
    ------
    RecipeError
        The recipe's network makes no sense.
    """
    return AlphaWganSystem(recipe) if recipe.system == "alpha-wgan" else PaperSystem(recipe)


def reconstruction_loss(settings: LossSettings, shape: tuple[int, int, int]) -> ReconstructionLoss:
    """The loss that a recipe asks for, on patches of a shape."""
    course = GradientTermSchedule(
        settings.gradient_wait, settings.gradient_ramp, settings.gradient_top
    )
    baur = BaurLoss(course, per_voxel=settings.per_voxel)
    if settings.kind == "baur":
        return baur
    adaptive = AdaptiveLoss(shape, scale_start=settings.scale_start)
    if settings.kind == "adaptive":
        return adaptive
    return HybridLoss(baur, adaptive, settings.baur_weight, settings.adaptive_weight)
