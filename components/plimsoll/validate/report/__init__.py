"""The page of the data gate."""

from plimsoll.validate.report.page import report_html

__all__ = ["report_html"]
