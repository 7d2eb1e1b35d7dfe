"""The report of a run: one HTML file that opens anywhere. Read page.py, then the part you look for."""

from noria.report.page import write_report

__all__ = ["write_report"]
