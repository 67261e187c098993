"""What a reviewer is shown: the calibration of an index as a page, one verdict as a picture."""

from memguard.report.calibration_page import calibration_page, write_calibration_page
from memguard.report.explanation import Explanation, explain

__all__ = ["Explanation", "calibration_page", "explain", "write_calibration_page"]
