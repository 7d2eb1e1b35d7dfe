"""Sounds as numbers: reading files, other rates, mel spectra, wav. Knows no modality. Read next: reading.py, mel.py."""
