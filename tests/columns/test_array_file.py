"""An .npy file is never larger than its bytes, whatever its head says."""

from __future__ import annotations

import io

import numpy as np
import pytest

from noria.columns.array_file import read_array


def file_of(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def head_of(shape: str, kind: str = "<f4", version: bytes = b"\x01\x00") -> bytes:
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize("shape", [(3, 4), (0,), (), (2, 3, 4)])
@pytest.mark.parametrize("kind", ["<f4", ">i8", "|u1", "?"])
def test_an_array_is_read_as_it_was_written(shape, kind) -> None:
    array = (np.arange(np.prod(shape, dtype=int)) % 2).reshape(shape).astype(kind)
    for given in (array, np.asfortranarray(array)):
        np.testing.assert_array_equal(read_array(file_of(given)), array)


@pytest.mark.parametrize(
    "shape", ["(25000000000000,)", "(2, 3)", f"({2**62}, {2**62})", "(-1,)", "(1.5,)", f"(0, {2**70})", "'a'"]
)
def test_a_head_that_claims_what_is_not_there_takes_no_memory(shape) -> None:
    with pytest.raises(ValueError, match=r"the \.npy file is broken"):
        read_array(head_of(shape) + bytes(8))


def test_how_much_is_missing_is_told() -> None:
    with pytest.raises(ValueError, match="its head says 100000000000000 bytes, and 8 are there"):
        read_array(head_of("(25000000000000,)") + bytes(8))


@pytest.mark.parametrize("kind", ["|O", "nothing"])
def test_what_holds_objects_or_nothing_known_is_refused(kind) -> None:
    with pytest.raises(ValueError, match=r"the \.npy file is broken"):
        read_array(head_of("(1,)", kind) + bytes(8))


@pytest.mark.parametrize("end", range(0, 200, 7))
def test_a_file_that_breaks_off_is_told(end) -> None:
    data = file_of(np.arange(100, dtype=np.int64))
    with pytest.raises(ValueError, match=r"the \.npy file is broken"):
        read_array(data[:end])
