import gzip
import struct

import numpy as np
import pytest

from noria.errors import UserError
from noria.sources.formats.opening import open_source

IMAGES = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)
LABELS = np.array([3, 1, 4, 1, 5], np.uint8)


def idx(array):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_set(folder, *, dot="-", pack=lambda data: data, suffix=""):
    for stem, n in (("train", 5), ("t10k", 2)):
        (folder / f"{stem}-images{dot}idx3-ubyte{suffix}").write_bytes(pack(idx(IMAGES[:n])))
        (folder / f"{stem}-labels{dot}idx1-ubyte{suffix}").write_bytes(pack(idx(LABELS[:n])))


@pytest.mark.parametrize(("dot", "pack", "suffix"), [("-", bytes, ""), (".", bytes, ""), ("-", gzip.compress, ".gz")])
def test_the_four_files_are_two_splits_of_arrays(tmp_path, dot, pack, suffix):
    write_set(tmp_path, dot=dot, pack=pack, suffix=suffix)
    source = open_source(tmp_path)
    assert source.columns == ["image", "label"]
    train, test = source.rows(chunk_size=1)
    assert (train.split, test.split) == ("train", "test")
    np.testing.assert_array_equal(train.columns["image"], IMAGES)
    np.testing.assert_array_equal(test.columns["label"], LABELS[:2])
    assert train.columns["image"].dtype == np.uint8
    assert train.columns["image"].flags.writeable
    assert test.where(1) == f"t10k-images{dot}idx3-ubyte{suffix}:1"


def test_one_split_is_enough_but_images_need_labels(tmp_path):
    write_set(tmp_path)
    (tmp_path / "t10k-images-idx3-ubyte").unlink()
    with pytest.raises(UserError, match="no images beside it"):
        open_source(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    assert [rows.split for rows in open_source(tmp_path).rows()] == ["train"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-1],
        lambda data: data + b"x",
        lambda data: data[:10],
        lambda data: b"",
        lambda data: b"\x89PNG" + data,
        lambda data: data[:4] + b"\xff" * 12 + data[16:],
        lambda data: data[:4] + struct.pack(">I", 4) + data[8:],
    ],
)
@pytest.mark.parametrize("is_packed", [False, True])
def test_a_header_that_lies_and_a_cut_file_are_refused(tmp_path, spoil, is_packed):
    pack, suffix = (gzip.compress, ".gz") if is_packed else (bytes, "")
    write_set(tmp_path, pack=pack, suffix=suffix)
    (tmp_path / f"train-images-idx3-ubyte{suffix}").write_bytes(pack(spoil(idx(IMAGES))))
    with pytest.raises(UserError):
        list(open_source(tmp_path).rows())


def test_a_cut_gzip_file_is_refused(tmp_path):
    write_set(tmp_path, pack=gzip.compress, suffix=".gz")
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UserError, match="broken or cut off"):
        list(open_source(tmp_path).rows())


def test_a_small_gzip_file_that_claims_gigabytes_is_refused_before_it_is_unpacked(tmp_path):
    write_set(tmp_path, pack=gzip.compress, suffix=".gz")
    claim = struct.pack(">BBBB3I", 0, 0, 8, 3, 60_000, 1000, 1000)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(claim))
    with pytest.raises(UserError, match="unpacks to too much"):
        list(open_source(tmp_path).rows())


def test_images_and_labels_of_different_number_are_refused(tmp_path):
    write_set(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(LABELS[:4]))
    with pytest.raises(UserError, match="do not belong together"):
        list(open_source(tmp_path).rows())
