"""Context networks on a device of torch: the integers of the ones on the CPU, in larger batches.

All sums are of whole numbers that float64 holds exactly (the bounds are checked when the model
is loaded), so they are the same in any order on any device, and no setting that makes float32
products faster and coarser (TF32) applies to them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..entropy.network import ACTIVATION_MAX, WEIGHT_BITS, IntegerNetworks, Networks

#: 160 MB of inputs in float64.
POSITIONS_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class DeviceNetworks:
    """Weights of :class:`~vqcodec.entropy.network.IntegerNetworks` on a device, in float64.

    Attributes
    ----------
    first : Tensor
        ``(networks, inputs, hidden)``.
    first_scale : Tensor
        ``(networks,)``, powers of two.
    second, second_bias, last, last_bias : Tensor
        As in the networks on the CPU.
    """

    first: Tensor
    first_scale: Tensor
    second: Tensor
    second_bias: Tensor
    last: Tensor
    last_bias: Tensor

    @property
    def positions_at_once(self) -> int:
        """Positions that are best handed over at once."""
        return POSITIONS_AT_ONCE

    @torch.no_grad()
    def outputs(
        self, network: int, columns: NDArray[np.intp], inputs_KN: NDArray[np.int8]
    ) -> NDArray[np.int64]:
        """Outputs of one network for a batch; see the networks on the CPU."""
        device = self.first.device
        first = self.first[network][torch.from_numpy(columns).to(device)]
        inputs = torch.from_numpy(inputs_KN).to(device).to(torch.float64)
        hidden = _activation(first.T @ inputs * self.first_scale[network])
        sums = self.second[network].T @ hidden + self.second_bias[network][:, None]
        hidden_2 = _activation(sums * 2.0**-WEIGHT_BITS)
        out = self.last[network].T @ hidden_2 + self.last_bias[network][:, None]
        found: NDArray[np.int64] = out.to(torch.int64).cpu().numpy()
        return found


def networks_on(networks: Networks, device: torch.device) -> DeviceNetworks:
    """The networks with their weights on a device.

    Raises
    ------
    TypeError
        They are on a device already.
    """
    if not isinstance(networks, IntegerNetworks):
        raise TypeError(f"networks are on {device} or another device already")

    def moved(weights: NDArray[np.float32] | NDArray[np.float64]) -> Tensor:
        return torch.from_numpy(weights.astype(np.float64)).to(device)

    return DeviceNetworks(
        first=moved(networks.first),
        first_scale=moved(2.0 ** -networks.first_shift.astype(np.float64)),
        second=moved(networks.second),
        second_bias=moved(networks.second_bias),
        last=moved(networks.last),
        last_bias=moved(networks.last_bias),
    )


def _activation(sums: Tensor) -> Tensor:
    return sums.floor_().clamp_(0, ACTIVATION_MAX)
