"""The keys of the thermal check: how each transformer is built, and what it may not exceed."""

from dataclasses import fields, replace
from typing import Literal

from detectors.assets.iec60076 import BUILDS, Build
from protocols.settings import Field, Name, settings

Cooling = Literal["onan", "onaf", "ofaf", "odaf"]
Size = Literal["power", "distribution"]
Paper = Literal["upgraded", "kraft"]


@settings
class ThermalUnit:
    """How one transformer is built; what is left out is of the tables of IEC 60076-7 for its size and cooling."""

    name: Name
    """The transformer's name in the roles."""
    size: Size | None = None
    """power or distribution (up to 2500 kVA); the detector's when left out."""
    cooling: Cooling | None = None
    """onan, onaf, ofaf or odaf; the detector's when left out."""
    paper: Paper | None = None
    """upgraded (ages at rate 1 at 110 degC) or kraft (at 98 degC); the detector's when left out."""
    rating: float | None = Field(default=None, gt=0)
    """Rated load, in the unit of its load point; otherwise the rating in that point's role."""
    oil_rise_k: float | None = Field(default=None, gt=0, le=100)
    """Rise of the top oil over the ambient at rated load, K."""
    hot_spot_rise_k: float | None = Field(default=None, gt=0, le=100)
    """Rise of the hot spot over the top oil at rated load, K."""
    loss_ratio: float | None = Field(default=None, gt=0, le=50)
    """Load losses at rated load over no-load losses."""
    oil_exponent: float | None = Field(default=None, gt=0, le=2)
    """Exponent x of the total losses in the oil rise."""
    winding_exponent: float | None = Field(default=None, gt=0, le=3)
    """Exponent y of the load in the hot spot's rise."""
    k11: float | None = Field(default=None, gt=0, le=5)
    """Thermal constant k11 of IEC 60076-7."""
    k21: float | None = Field(default=None, ge=1, le=5)
    """Thermal constant k21 of IEC 60076-7."""
    k22: float | None = Field(default=None, gt=0, le=5)
    """Thermal constant k22 of IEC 60076-7."""
    oil_minutes: float | None = Field(default=None, gt=0, le=1440)
    """Time constant of the oil, minutes."""
    winding_minutes: float | None = Field(default=None, gt=0, le=120)
    """Time constant of the winding, minutes."""
    life_used: float = Field(default=0.0, ge=0, le=1)
    """Share of the insulation's life that was used up before the gateway began to count."""

    def build(self, size: Size, cooling: Cooling) -> Build:
        """Return how it is built: the table's numbers for its class, its own where it has them."""
        size, cooling = self.size or size, self.cooling or cooling
        table = BUILDS.get((size, cooling), BUILDS["power", cooling])
        return replace(table, **{key: own for key, own in self._own() if own is not None})

    def _own(self) -> list[tuple[str, float | None]]:
        keys = {"oil_rise": "oil_rise_k", "hot_spot_rise": "hot_spot_rise_k"}
        return [(key.name, getattr(self, keys.get(key.name, key.name))) for key in fields(Build)]
