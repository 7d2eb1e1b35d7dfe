import io
import struct
import zipfile

import numpy as np
import pytest

from noria.errors import UserError
from noria.sources.formats.opening import open_source

X = np.arange(7 * 4 * 4, dtype=np.uint8).reshape(7, 4, 4)
Y = np.array([0, 1, 2, 0, 1, 2, 0])


def read_split(source, split, name, chunk_size=4096):
    return np.concatenate([rows.columns[name] for rows in source.rows(chunk_size) if rows.split == split])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("chunk_size", [1, 3, 4096])
def test_the_file_of_keras_is_train_and_test(tmp_path, save, chunk_size):
    path = tmp_path / "mnist.npz"
    save(path, x_test=X[:2], x_train=X, y_train=Y, y_test=Y[:2])
    source = open_source(path)
    assert source.columns == ["image", "label"]
    np.testing.assert_array_equal(read_split(source, "train", "image", chunk_size), X)
    np.testing.assert_array_equal(read_split(source, "test", "label", chunk_size), Y[:2])
    assert [rows.where(0) for rows in source.rows()] == ["mnist.npz/train:0", "mnist.npz/test:0"]


def test_the_files_of_medmnist_have_validation_and_labels_of_one_column(tmp_path):
    path = tmp_path / "med.npz"
    arrays = {f"{s}_{n}": a for s in ("train", "val", "test") for n, a in (("images", X), ("labels", Y[:, None]))}
    np.savez_compressed(path, **arrays)
    source = open_source(path)
    assert [rows.split for rows in source.rows()] == ["train", "validation", "test"]
    np.testing.assert_array_equal(read_split(source, "validation", "label"), Y)


def test_plain_arrays_are_columns_without_a_split(tmp_path):
    path = tmp_path / "plain.npz"
    np.savez(path, image=X, label=Y)
    (rows,) = open_source(path).rows()
    assert (rows.split, sorted(rows.columns), len(rows)) == ("", ["image", "label"], 7)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"image": np.array([{}, []], dtype=object), "label": Y[:2]}, "never unpickled"),
        ({"image": X, "label": Y[:3]}, "different lengths"),
        ({"x_train": X, "y_train": Y, "x_test": X}, "different arrays"),
        ({"image": X, "images": X}, "both"),
        ({"image": np.asfortranarray(X), "label": Y}, "column by column"),
        ({"image": np.array(3)}, "single number"),
    ],
)
def test_arrays_that_are_no_rows_are_refused(tmp_path, arrays, message):
    path = tmp_path / "a.npz"
    np.savez(path, **arrays)
    with pytest.raises(UserError, match=message):
        open_source(path)


def write_npz(path, shape, data, method=zipfile.ZIP_DEFLATED):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"shape": shape, "fortran_order": False, "descr": "|u1"})
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("image.npy", header.getvalue() + data)


def test_an_array_shorter_than_its_header_is_refused(tmp_path):
    write_npz(tmp_path / "a.npz", (1000, 28, 28), bytes(5000))
    with pytest.raises(UserError, match="shorter than its header"):
        list(open_source(tmp_path / "a.npz").rows())


def test_a_bomb_is_stopped_while_it_streams(tmp_path):
    write_npz(tmp_path / "a.npz", (150_000, 1000), bytes(150_000_000))
    with pytest.raises(UserError, match=r"stopped at image\.npy"):
        for _ in open_source(tmp_path / "a.npz").rows():
            pass


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04nonsense", struct.pack("<I", 7) * 50])
def test_a_file_that_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(UserError, match="not a NumPy archive"):
        open_source(tmp_path / "a.npz")


def test_a_damaged_archive_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, image=np.random.default_rng(0).integers(0, 256, (50, 28, 28), np.uint8))
    data = bytearray(path.read_bytes())
    data[3000:3100] = bytes(100)
    path.write_bytes(data)
    with pytest.raises(UserError, match="broken"):
        list(open_source(path).rows())


def test_the_real_chest_photos_are_all_read(shared_data):
    source = open_source(shared_data / "chest_xray" / "pneumoniamnist.npz")
    sizes = {}
    for rows in source.rows():
        assert rows.columns["image"].shape[1:] == (28, 28)
        assert rows.columns["label"].shape == (len(rows),)
        sizes[rows.split] = sizes.get(rows.split, 0) + len(rows)
    assert sizes == {"train": 3882, "validation": 524, "test": 624}
