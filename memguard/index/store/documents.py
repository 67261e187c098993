"""The names of an index's documents: files in its directory, rows in Milvus."""

CALIBRATION = "calibration.json"
"""The thresholds, and what they are worth."""

MEASUREMENTS = "measurements.json"
"""The distances that the thresholds were chosen from."""

CALIBRATION_PAGE = "calibration.html"
"""The report's page on the calibration; a new calibration deletes it."""

BLOCKED = "refused.json"
"""In Milvus, the ids of removed records: neither a push nor a build takes them in again."""

PUSHED = (CALIBRATION, MEASUREMENTS)
"""Documents that a push copies to Milvus."""


def background(descriptor: str) -> str:
    """In Milvus, a descriptor's vectors for score normalisation."""
    return f"background/{descriptor}"
