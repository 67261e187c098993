"""Reports for reviewers: calibrations and audits as HTML pages, verdicts as a page or a picture."""

from memguard.report.audit_page import audit_page, write_audit_page
from memguard.report.calibration_page import calibration_page, report_index
from memguard.report.dossier import Dossier
from memguard.report.evidence import Explanation, explain
from memguard.report.explain_images import explain_images
from memguard.report.review_page import review_page, write_review_page

__all__ = [
    "Dossier",
    "Explanation",
    "audit_page",
    "calibration_page",
    "explain",
    "explain_images",
    "report_index",
    "review_page",
    "write_audit_page",
    "write_review_page",
]
