"""The slope of Theil and Sen: the median slope between all pairs, which a quarter of wild values hardly moves."""

import numpy as np
from numpy.typing import NDArray

Z = 1.96
"""Two-sided 95 %."""


def theil_sen(hours: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return slope per hour, and the ends of its 95 % interval; NaN for less than two samples.

    `hours` ascending, `values` of the same length, NaN for none. The interval is Sen's (1968): ranks of the sorted
    slopes, as far from their middle as Kendall's statistic varies without a trend. Below four samples it is open.
    """
    known = ~np.isnan(values)
    t, v = hours[known], values[known]
    count = len(t)
    if count < 2:
        return np.nan, np.nan, np.nan
    i, j = np.triu_indices(count, 1)
    apart = t[j] - t[i]
    slopes = np.sort((v[j] - v[i])[apart > 0] / apart[apart > 0])
    if not len(slopes):
        return np.nan, np.nan, np.nan
    reach = Z * np.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    low, high = int(np.floor((len(slopes) - reach) / 2)), int(np.ceil((len(slopes) + reach) / 2))
    inside = low >= 0 and high < len(slopes)
    ends = (float(slopes[low]), float(slopes[high])) if inside else (-np.inf, np.inf)
    return float(np.median(slopes)), *ends
