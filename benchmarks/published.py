"""The figures of Tudosiu et al. 2020 (arXiv:2002.05692), Table 2; Table 1 is a part of it.

Dice as mean and standard deviation over the paper's test cases, white, grey, CSF.
"""

from __future__ import annotations

from dataclasses import dataclass

ALPHA_WGAN, ADAPTIVE, BAUR = "α-WGAN", "VQ-VAE Adap", "VQ-VAE Baur"
TABLE_2 = """\
α-WGAN      Low  High H  0.496 15.676 0.77+-0.03 0.86+-0.01 0.68+-0.03
VQ-VAE Adap Low  High H  0.948 10.605 0.83+-0.01 0.85+-0.02 0.77+-0.03
VQ-VAE Adap High High H  0.991  6.655 0.84+-0.05 0.92+-0.02 0.79+-0.08
VQ-VAE Baur Low  High H  0.947 10.982 0.82+-0.04 0.82+-0.05 0.74+-0.04
VQ-VAE Baur High High H  0.998  6.737 0.85+-0.05 0.90+-0.03 0.75+-0.09
α-WGAN      Low  Low  H  0.505 12.281 0.78+-0.03 0.86+-0.01 0.65+-0.01
VQ-VAE Adap High Low  H  0.951  7.255 0.78+-0.03 0.88+-0.02 0.71+-0.04
VQ-VAE Adap Low  Low  H  0.994  5.055 0.84+-0.02 0.87+-0.01 0.78+-0.02
VQ-VAE Baur High Low  H  0.953  7.227 0.78+-0.03 0.86+-0.03 0.71+-0.04
VQ-VAE Baur Low  Low  H  0.991  6.538 0.83+-0.05 0.86+-0.06 0.75+-0.03
α-WGAN      Low  High P  0.510 15.801 0.76+-0.02 0.86+-0.01 0.73+-0.03
VQ-VAE Adap Low  High P  0.895 10.982 0.81+-0.04 0.87+-0.03 0.80+-0.03
VQ-VAE Adap High High P  0.981  7.346 0.86+-0.05 0.94+-0.02 0.86+-0.05
VQ-VAE Baur Low  High P  0.892 11.362 0.80+-0.03 0.84+-0.03 0.77+-0.05
VQ-VAE Baur High High P  0.995  7.508 0.88+-0.07 0.91+-0.06 0.81+-0.10
α-WGAN      Low  Low  P  0.545 12.351 0.76+-0.02 0.87+-0.01 0.72+-0.01
VQ-VAE Adap High Low  P  0.939  7.662 0.78+-0.03 0.87+-0.02 0.73+-0.03
VQ-VAE Adap Low  Low  P  0.993  5.566 0.83+-0.02 0.88+-0.02 0.78+-0.02
VQ-VAE Baur High Low  P  0.938  7.664 0.73+-0.05 0.83+-0.06 0.70+-0.07
VQ-VAE Baur Low  Low  P  0.990  6.834 0.82+-0.03 0.87+-0.03 0.77+-0.04
α-WGAN      Low  High PB 0.511 15.807 0.75+-0.02 0.85+-0.01 0.73+-0.03
VQ-VAE Adap High High PB 0.984  7.573 0.88+-0.05 0.93+-0.02 0.84+-0.06
VQ-VAE Baur High High PB 0.993 10.818 0.88+-0.05 0.92+-0.07 0.82+-0.09
α-WGAN      Low  Low  PB 0.542 12.361 0.75+-0.02 0.86+-0.01 0.72+-0.02
VQ-VAE Adap High Low  PB 0.941  7.628 0.76+-0.02 0.84+-0.08 0.71+-0.05
VQ-VAE Baur High Low  PB 0.943  7.966 0.74+-0.03 0.84+-0.02 0.71+-0.08
"""
NETWORK_WIDTH = 12


@dataclass(frozen=True)
class Published:
    """A row of the paper.

    Attributes
    ----------
    network : str
    trained_at, measured_at : str
        ``Low`` (64x64x64) or ``High`` (192x256x192): of the network, and of the metrics.
    mode : str
        ``H`` healthy, ``P`` fine-tuned on pathology, ``PB`` trained on pathology only.
    ms_ssim, log_mmd : float
    dice : tuple of str
        White matter, grey matter, CSF.
    """

    network: str
    trained_at: str
    measured_at: str
    mode: str
    ms_ssim: float
    log_mmd: float
    dice: tuple[str, str, str]

    @property
    def in_table_1(self) -> bool:
        """Whether Table 1 of the paper has this row."""
        at_best = "Low" if self.network == ALPHA_WGAN else "High"
        return self.measured_at == "High" and self.trained_at == at_best


def published() -> tuple[Published, ...]:
    """All rows of Table 2, in the paper's order."""
    rows = []
    for line in TABLE_2.splitlines():
        cells = line[NETWORK_WIDTH:].split()
        white, grey, csf = (cell.replace("+-", " ± ") for cell in cells[5:8])
        name = line[:NETWORK_WIDTH].strip()
        numbers = float(cells[3]), float(cells[4])
        rows.append(Published(name, cells[0], cells[1], cells[2], *numbers, (white, grey, csf)))
    return tuple(rows)
