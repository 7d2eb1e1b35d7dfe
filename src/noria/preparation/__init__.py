"""From raw records to prepared splits: division, fitting, encoding, data checks. Read next: preparation.py."""
