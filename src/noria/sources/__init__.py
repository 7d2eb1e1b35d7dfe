"""Paths as rows: table files, texts, folders, archives, arrays.

core/ has what readers share, formats/ one reader a file; formats/opening.py picks one. Knows no task.
"""
