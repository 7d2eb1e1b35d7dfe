"""Paths as rows: table files, texts, folders, archives, arrays. Each format is one file here; opening.py picks one.

Knows no task. Read next: source.py, then opening.py, csv_table.py.
"""

from noria.sources.chat_turns import chat_turns
from noria.sources.clips import clips
from noria.sources.conll import conll
from noria.sources.download import fetch
from noria.sources.file_records import file_records
from noria.sources.masks import masks
from noria.sources.mot import mot_sequences
from noria.sources.named_file import named_files_stamp, read_file
from noria.sources.names import Named
from noria.sources.opening import lone_archive, may_lack_header, open_source
from noria.sources.parallel_lines import parallel_lines
from noria.sources.pictures_with_boxes import pictures_with_boxes
from noria.sources.same_again import SameAgain
from noria.sources.source import Source
from noria.sources.squad import squad
from noria.sources.text_pieces import json_list, text_pieces

__all__ = [
    "Named",
    "SameAgain",
    "Source",
    "chat_turns",
    "clips",
    "conll",
    "fetch",
    "file_records",
    "json_list",
    "lone_archive",
    "masks",
    "may_lack_header",
    "mot_sequences",
    "named_files_stamp",
    "open_source",
    "parallel_lines",
    "pictures_with_boxes",
    "read_file",
    "squad",
    "text_pieces",
]
