"""Names of the documents of an index: files in its directory, rows in Milvus."""

CALIBRATION = "calibration.json"
"""The thresholds, and what they are worth."""

MEASUREMENTS = "measurements.json"
"""The distances that the thresholds were chosen from."""

CALIBRATION_PAGE = "calibration.html"
"""The report's page on the calibration; a new calibration deletes it."""

BLOCKED = "refused.json"
"""In Milvus, the blocked ids: no push and no build takes them in."""

EXEMPTIONS = "exemptions.json"
"""The references that do not block, and the history of that list."""

PUSHED = (CALIBRATION, MEASUREMENTS)
"""Documents that a push copies to Milvus as they are."""


def background(descriptor: str) -> str:
    """In Milvus, a descriptor's vectors for score normalisation."""
    return f"background/{descriptor}"
