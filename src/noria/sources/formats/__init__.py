"""One reader a file, each imported when a path of its format is opened. Read next: opening.py."""
