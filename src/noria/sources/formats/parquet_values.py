"""The kinds of values that a Parquet column can hold, as plain ones of Python and NumPy that every component knows.

    numbers                whole columns as arrays, others as int and float, None where one is missing
    decimals               int where there is no fraction, else float
    texts, dictionaries    str, held as Arrow holds them
    booleans, bytes        bool, bytes
    dates and times        datetime.date, datetime.datetime (to the microsecond, in their zone); a time of day as text
    durations              float, seconds
    lists, structs, maps   list and dict of what JSON has, dates as text

Read next: parquet.py.
"""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Callable
from typing import Any

import numpy as np

from noria.sources.core.text_column import TextColumn


def plain_values(column: Any) -> Any:
    """Return a column of a batch as an array, a list or a column of texts."""
    import pyarrow as arrow
    import pyarrow.types as kinds

    kind = column.type
    if is_media(kind):
        # Hugging Face's Image and Audio: the bytes, or where they were left out the name of the file.
        return [cell and (cell["bytes"] if cell["bytes"] is not None else cell["path"]) for cell in column.to_pylist()]
    if (kinds.is_integer(kind) or kinds.is_floating(kind)) and not column.null_count:
        return column.to_numpy(zero_copy_only=False)
    plain = plain_type(kind)
    if isinstance(kind, arrow.BaseExtensionType):
        return plain_values(column.storage)
    if plain != kind:
        column = column.cast(plain, safe=False)
    if kinds.is_string(plain) or kinds.is_large_string(plain):
        return TextColumn(column)
    if kinds.is_nested(plain):
        return [_json(cell) for cell in column.to_pylist(maps_as_pydicts="lossy" if _has_text_keys(plain) else None)]
    is_slow = kinds.is_temporal(plain) or kinds.is_decimal(plain)
    return _each_once(column, _converter(plain)) if is_slow else column.to_pylist()


def _each_once(column: Any, convert: Callable[[Any], Any] | None) -> list[Any]:
    """Return the values of a column of which many are equal, each made and converted once."""
    encoded = column.dictionary_encode()
    different = encoded.dictionary.to_pylist()
    values = np.empty(len(different) + 1, object)  # the last one is for what is missing
    values[:-1] = different if convert is None else [convert(value) for value in different]
    cells: list[Any] = values[encoded.indices.fill_null(len(different)).to_numpy()].tolist()
    return cells


def loses_precision(kind: Any) -> bool:
    """Say whether a column holds times finer than those of Python, which are cut."""
    import pyarrow.types as kinds

    is_time = kinds.is_timestamp(kind) or kinds.is_time64(kind) or kinds.is_duration(kind)
    return bool(is_time and kind.unit == "ns")


def is_media(kind: Any) -> bool:
    """Say whether a column holds pictures or sounds as Hugging Face stores them."""
    import pyarrow.types as kinds

    return bool(kinds.is_struct(kind)) and {"bytes", "path"} <= {field.name for field in kind}


def plain_type(kind: Any) -> Any:
    """Return the Arrow type whose values become plain ones of Python: the same, but without what only pandas knows."""
    import pyarrow as arrow
    import pyarrow.types as kinds

    if isinstance(kind, arrow.BaseExtensionType):
        return plain_type(kind.storage_type)
    if kinds.is_dictionary(kind) or kinds.is_run_end_encoded(kind):
        return plain_type(kind.value_type)
    if kinds.is_timestamp(kind):
        return arrow.timestamp("us", kind.tz)
    if kinds.is_time64(kind):
        return arrow.time64("us")
    if kinds.is_duration(kind):
        return arrow.duration("us")
    if kinds.is_string_view(kind):
        return arrow.string()
    if kinds.is_map(kind):
        return arrow.map_(plain_type(kind.key_type), plain_type(kind.item_type))
    if kinds.is_fixed_size_list(kind):
        return arrow.list_(kind.value_field.with_type(plain_type(kind.value_type)), kind.list_size)
    if kinds.is_large_list(kind):
        return arrow.large_list(kind.value_field.with_type(plain_type(kind.value_type)))
    if kinds.is_list(kind):
        return arrow.list_(kind.value_field.with_type(plain_type(kind.value_type)))
    if kinds.is_struct(kind):
        return arrow.struct([field.with_type(plain_type(field.type)) for field in kind])
    return kind


def _has_text_keys(kind: Any) -> bool:
    import pyarrow.types as kinds

    return bool(kinds.is_map(kind)) and bool(kinds.is_string(kind.key_type) or kinds.is_large_string(kind.key_type))


def _converter(kind: Any) -> Callable[[Any], Any] | None:
    """Return what makes a value of the type plain; None where it is."""
    import pyarrow.types as kinds

    if kinds.is_decimal(kind):
        return _number
    if kinds.is_time(kind):
        return str
    if kinds.is_duration(kind):
        return datetime.timedelta.total_seconds
    return str if kinds.is_interval(kind) else None


def _number(value: decimal.Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _json(value: Any) -> Any:
    """Return a nested value with what JSON has; bytes stay, as a file may be in it."""
    if isinstance(value, dict):
        return {str(name): _json(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_json(one) for one in value]
    if isinstance(value, decimal.Decimal):
        return _number(value)
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else value
