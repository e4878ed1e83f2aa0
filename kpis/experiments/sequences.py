"""Confidence sequences: intervals that hold at every look at once, so that peeking is safe.

A fixed-horizon 95 % interval covers the truth in 95 % of experiments when it is looked at once. Looked at daily, until
it excludes zero, it is wrong far more often. A confidence sequence covers the truth *at all times together* with 95 %.

The asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas ("Time-uniform central limit
theory and asymptotic confidence sequences", 2021, Theorem 2.2; Annals of Statistics 2024), after the normal mixture of
Robbins (1970) and Howard, Ramdas, McAuliffe and Sekhon ("Time-uniform, nonparametric, nonasymptotic confidence
sequences", Annals of Statistics 2021): after ``n`` observations with standard error ``s``

    estimate ± s · sqrt((1 + 1 / (n ρ²)) · (log(1 + n ρ²) + 2 log(1 / alpha)))

``ρ²`` is chosen before the data: it makes the interval narrowest at the planned sample. All functions take arrays.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kpis.experiments.confidence import ALPHA, best_information

Floats = npt.NDArray[np.float64]


def rho_squared(planned: float, alpha: float = ALPHA) -> float:
    """Return ρ² for a planned sample.

    Parameters
    ----------
    planned
        Observations at which the interval shall be narrowest; chosen before the data.
    """
    return best_information(alpha) / planned


def multiplier(n: npt.ArrayLike, planned: float, alpha: float = ALPHA) -> Floats:
    """Return the half-width in standard errors after ``n`` observations (for a fixed horizon it would be 1.96)."""
    information = np.asarray(n, dtype=np.float64) * rho_squared(planned, alpha)
    return np.asarray(np.sqrt((1 + 1 / information) * (np.log1p(information) - 2 * np.log(alpha))), dtype=np.float64)


def p_value(estimate: npt.ArrayLike, error: npt.ArrayLike, n: npt.ArrayLike, planned: float) -> Floats:
    """Return the always-valid p-value of no effect: the least alpha whose sequence excludes zero.

    ``ρ²`` is that of ``ALPHA``, so it is below ``ALPHA`` exactly where the interval excludes zero.
    """
    information = np.asarray(n, dtype=np.float64) * rho_squared(planned)
    z = np.asarray(estimate, dtype=np.float64) / np.asarray(error, dtype=np.float64)
    log_p = (np.log1p(information) - z * z * information / (1 + information)) / 2
    return np.asarray(np.exp(np.minimum(0.0, log_p)), dtype=np.float64)


def holm(p_values: list[float]) -> list[float]:
    """Return Holm's adjusted p-values, in the order given.

    Comparing them with alpha bounds the chance of any false claim in the family. Always-valid p-values stay always
    valid: the first false claim is one of an unadjusted p-value below alpha / m, at whatever time.
    """
    count = len(p_values)
    adjusted, highest = [1.0] * count, 0.0
    for rank, place in enumerate(sorted(range(count), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (count - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted
