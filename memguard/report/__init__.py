"""Reports for reviewers: calibrations and audits as HTML pages, a verdict as a picture."""

from memguard.report.audit_page import audit_page, write_audit_page
from memguard.report.calibration_page import calibration_page, report_index
from memguard.report.evidence import Explanation, explain
from memguard.report.review_page import review_page, write_review_page

__all__ = [
    "Explanation",
    "audit_page",
    "calibration_page",
    "explain",
    "report_index",
    "review_page",
    "write_audit_page",
    "write_review_page",
]
