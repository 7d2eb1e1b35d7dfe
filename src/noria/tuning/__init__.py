"""The search for better settings: what may be tried, the study, its trials. Read next: trials.py."""
