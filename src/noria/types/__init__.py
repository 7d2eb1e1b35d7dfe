"""The words of the house: what travels from a raw record to a prediction.

    raw file -read-> Rows of Records -encode-> Encoded arrays -collate-> Batch -model-> Output -decode-> Prediction
                     human                     numpy                     tensors        tensors          human, JSON

Knows no task, no file format and (at import) no torch. Read next: contract/core.py.
"""

from noria.types.arrays import PAD, Arrays, Ragged, Values, Windows, concatenated, repeated
from noria.types.dataset import Dataset, as_tensors
from noria.types.records import Chunk, Panel, Prediction, Record, Rejected, Rows, Span, State, in_order
from noria.types.tensors import Batch, Encoded, Output, Tokens

__all__ = [
    "PAD",
    "Arrays",
    "Batch",
    "Chunk",
    "Dataset",
    "Encoded",
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
    "Values",
    "Windows",
    "as_tensors",
    "concatenated",
    "in_order",
    "repeated",
]
