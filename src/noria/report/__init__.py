"""Pages that open anywhere: the report of a run, and what was understood of data. Read page.py, prepared_page.py."""

from noria.report.page import write_report
from noria.report.prepared_page import prepared_page, write_prepared

__all__ = ["prepared_page", "write_prepared", "write_report"]
