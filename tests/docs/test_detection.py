"""docs/detection.md against the checks: every kind of alarm of the assets, and who says it."""

from detectors.assets import breaker, gas_story, tap_changer, thermal_story


def test_every_alarm_of_an_asset_is_documented(table):
    """Kind and detector, as the checks have them."""
    said = {
        *((kind, "thermal") for kind in thermal_story.KINDS),
        *((kind, "dissolved_gas") for kind in gas_story.KINDS),
        *((kind, "tap_changer") for kind in tap_changer.KINDS),
        *((kind, "breaker") for kind in breaker.KINDS),
        ("trend", "trend"),
    }

    assert {(row[0].strip("`"), row[1].strip("`")) for row in table("detection.md", "Alarms of assets")} == said
