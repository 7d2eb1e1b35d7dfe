"""Tables: numbers, categories and dates with holes, each column understood from its training values."""

from noria.modalities.table.modality import Table

__all__ = ["Table"]
