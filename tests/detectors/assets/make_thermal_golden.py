"""Makes thermal_golden.json with the PyPI package transformer-thermal-model 0.6.0 (MPL-2.0): no test needs it.

    python -m venv oracle && oracle/bin/pip install transformer-thermal-model==0.6.0
    oracle/bin/python tests/detectors/assets/make_thermal_golden.py

Each case has a build, the times in minutes, load per unit and ambient in degC that go in, and the top oil and hot spot
in degC that come out. It begins at the end of its first load.
"""

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from transformer_thermal_model.cooler import CoolerType
from transformer_thermal_model.model import Model
from transformer_thermal_model.schemas import InputProfile, UserTransformerSpecifications
from transformer_thermal_model.schemas.thermal_model.initial_state import InitialLoad
from transformer_thermal_model.transformer import PowerTransformer

HERE = Path(__file__).parent
BUILDS = {
    "distribution/onan": (55, 23, 5, 0.8, 1.6, 1.0, 1, 2, 180, 4),
    "power/onan": (52, 26, 6, 0.8, 1.3, 0.5, 2, 2, 210, 10),
    "power/onaf": (52, 26, 6, 0.8, 1.3, 0.5, 2, 2, 150, 7),
    "power/odaf": (49, 29, 6, 1.0, 2.0, 1.0, 1, 1, 90, 7),
}
RATED = 1000.0


def inputs(random: np.random.Generator, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return minutes, load and ambient: steps of 1 to 40 minutes, jumps of load, a day's weather."""
    minutes = np.cumsum(np.r_[0, random.integers(1, 41, steps - 1)]).astype(float)
    load = np.clip(np.repeat(random.uniform(0, 1.6, steps // 8 + 1), 8)[:steps] + random.normal(0, 0.05, steps), 0, 2)
    ambient = 15 + 10 * np.sin(minutes / 1440 * 2 * np.pi) + random.normal(0, 0.5, steps)
    return minutes, load.round(6), ambient.round(6)


def case(name: str, build: tuple[float, ...], seed: int) -> dict:
    """Return one case with what the package makes of it."""
    minutes, load, ambient = inputs(np.random.default_rng(seed), 120)
    oil_rise, gradient, ratio, x, y, k11, k21, k22, tau_oil, tau_winding = build
    specs = UserTransformerSpecifications(
        load_loss=1000 * ratio, no_load_loss=1000, nom_load_sec_side=RATED, time_const_oil=tau_oil,
        time_const_windings=tau_winding, top_oil_temp_rise=oil_rise, winding_oil_gradient=gradient, hot_spot_fac=1,
        oil_const_k11=k11, winding_const_k21=k21, winding_const_k22=k22, oil_exp_x=x, winding_exp_y=y,
    )  # fmt: skip
    profile = InputProfile.create(
        datetime_index=[datetime(2024, 1, 1) + timedelta(minutes=m) for m in minutes],  # noqa: DTZ001
        load_profile=load * RATED,
        ambient_temperature_profile=ambient,
    )
    transformer = PowerTransformer(user_specs=specs, cooling_type=CoolerType.ONAN)
    out = Model(profile, transformer, InitialLoad(initial_load=float(load[0] * RATED))).run()
    return {
        "name": name,
        "build": build,
        "minutes": minutes.tolist(),
        "load": load.tolist(),
        "ambient": ambient.tolist(),
        "oil": out.top_oil_temp_profile.tolist(),
        "hot_spot": out.hot_spot_temp_profile.tolist(),
    }


if __name__ == "__main__":
    cases = [case(name, build, seed) for seed, (name, build) in enumerate(BUILDS.items())]
    (HERE / "thermal_golden.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")
