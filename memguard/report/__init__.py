"""Reports for reviewers: calibrations and audits as HTML pages, a verdict as a picture."""

from memguard.report.audit_page import audit_page, write_audit_page
from memguard.report.calibration_page import calibration_page, write_calibration_page
from memguard.report.evidence import Explanation, explain

__all__ = [
    "Explanation",
    "audit_page",
    "calibration_page",
    "explain",
    "write_audit_page",
    "write_calibration_page",
]
