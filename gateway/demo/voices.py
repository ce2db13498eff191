"""The same voltage as every protocol tells it, and whether they agree."""

from collections.abc import Mapping

import numpy as np

from gateway.plant import Plant
from protocols.model import UNUSABLE
from simulator.configuration import device_name
from simulator.speakers import POLYGLOTS, SPEAKERS

VOICE = "va"
"""The voltage that is compared."""
AGREEMENT = 0.005
"""How far protocols may be apart: DNP3 tells what moves by 0.2 %, and a poll is up to a second old."""

Voices = Mapping[str, Mapping[str, float]]
"""Volts by bay and way, NaN where nothing is told that can be used."""


def voices(plant: Plant) -> Voices:
    """Return what is known in `plant` now."""
    return {bay: {word: _voice(plant, device_name(word, bay)) for word in SPEAKERS} for bay in POLYGLOTS}


def agreed(compared: Voices) -> bool:
    """Return whether every protocol tells the same of each bay; without any comparison they do not."""
    return bool(compared) and all(spread(told) <= AGREEMENT for told in compared.values())


def spread(told: Mapping[str, float]) -> float:
    """Return how far the values are apart, relative; NaN, which is no agreement, where one is missing."""
    values = list(told.values())
    return float(np.ptp(values) / np.max(values))


def _voice(plant: Plant, device: str) -> float:
    points, image = plant.points, plant.pipeline.image
    row = next(row for row in points.rows_of[device] if points.names[row] == VOICE)
    return float("nan") if image.quality[row] & UNUSABLE else float(image.values[row])
