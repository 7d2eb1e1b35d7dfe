"""The words of the house: what travels from a raw record to a prediction.

    raw file -read-> Rows of Records -encode-> Encoded arrays -collate-> Batch -model-> Output -decode-> Prediction
                     human                     numpy                     tensors        tensors          human, JSON

Knows no task, no file format and (at import) no torch. Read next: contract/core.py.
"""

from noria.types.arrays import PAD, Arrays, Ragged, Values, Windows, concatenated, lengths_of, repeated, rows_of
from noria.types.dataset import Dataset, as_tensors
from noria.types.records import (
    Chunk,
    Cost,
    Media,
    Panel,
    Prediction,
    Record,
    Rejected,
    Rows,
    Span,
    State,
    Turn,
    in_order,
)
from noria.types.tensors import IS_PRESENT, Batch, Encoded, Features, Output, Tokens, real_rows

__all__ = [
    "IS_PRESENT",
    "PAD",
    "Arrays",
    "Batch",
    "Chunk",
    "Cost",
    "Dataset",
    "Encoded",
    "Features",
    "Media",
    "Output",
    "Panel",
    "Prediction",
    "Ragged",
    "Record",
    "Rejected",
    "Rows",
    "Span",
    "State",
    "Tokens",
    "Turn",
    "Values",
    "Windows",
    "as_tensors",
    "concatenated",
    "in_order",
    "lengths_of",
    "real_rows",
    "repeated",
    "rows_of",
]
