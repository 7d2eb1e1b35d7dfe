"""What readers share: folders, archives, encodings, limits, file names. Knows no format. Read next: wrapped.py."""
