import io
import os
import stat
import subprocess
import sys
import tarfile
import zipfile

import pytest

from noria.errors import UserError
from noria.sources.core.archive import Archive
from noria.sources.core.limits import Limits
from noria.sources.formats.opening import open_source
from noria.types import Bad

FILES = {"train/cat/1.png": b"one", "README.md": b"#", "test/dog/2.png": b"two", "train/dog/3.png": b"three" * 300}
TARS = {".tar": "w", ".tar.gz": "w:gz", ".tgz": "w:gz", ".tar.bz2": "w:bz2", ".tar.xz": "w:xz"}


def write_tar(path, files, mode="w", **options):
    with tarfile.open(path, mode, **options) as archive:
        for name, data in files.items():
            info = data if isinstance(data, tarfile.TarInfo) else tarfile.TarInfo(name)
            data = b"" if isinstance(data, tarfile.TarInfo) else data
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def write_zip(path, files, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def write(folder, suffix, files):
    path = folder / f"pets{suffix}"
    return write_zip(path, files) if suffix == ".zip" else write_tar(path, files, TARS[suffix])


@pytest.mark.parametrize("suffix", [".zip", *TARS])
def test_an_archive_is_read_as_its_folder_would_be(tmp_path, read_all, suffix):
    source = open_source(write(tmp_path, suffix, FILES))
    records, bad = read_all(source)
    assert source.columns == ["file", "label"]
    assert sorted(records) == [
        (f"pets{suffix}/test/dog/2.png", "test", (b"two", "dog")),
        (f"pets{suffix}/train/cat/1.png", "train", (b"one", "cat")),
        (f"pets{suffix}/train/dog/3.png", "train", (b"three" * 300, "dog")),
    ]
    assert bad == []
    assert source.notes() == [f"pets{suffix}: not read, as they stand beside the data: README.md"]
    assert read_all(source) == (records, bad)
    assert list(tmp_path.iterdir()) == [tmp_path / f"pets{suffix}"]  # nothing was unpacked


@pytest.mark.parametrize("suffix", [".zip", ".tar"])
def test_paths_that_lead_out_are_bad_and_never_followed(tmp_path, read_all, suffix):
    names = ["../../evil.png", "/etc/evil.png", "C:\\evil.png", "cat/../../evil.png", "..\\evil.png"]
    files = {**dict.fromkeys(names, b"x"), "cat/1.png": b"1", "dog/1.png": b"2", "cat/0.png": b""}
    records, bad = read_all(open_source(write(tmp_path, suffix, files)))
    assert len(records) == 2
    reasons = sorted(flaw.reason for flaw in bad)
    assert reasons == sorted(
        ["an absolute path in an archive"] * 2 + ["a path that leads out of the archive"] * 3 + ["empty file"]
    )


def test_links_and_devices_in_a_tar_are_bad(tmp_path, read_all):
    files = {"cat/1.png": b"1", "dog/1.png": b"2"}
    kinds = {"sym": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE, "dev": tarfile.CHRTYPE, "fifo": tarfile.FIFOTYPE}
    for name, kind in kinds.items():
        info = tarfile.TarInfo(f"cat/{name}.png")
        info.type, info.linkname = kind, "/etc/passwd"
        files[name] = info
    records, bad = read_all(open_source(write_tar(tmp_path / "pets.tar", files)))
    assert len(records) == 2
    assert sorted(bad, key=lambda flaw: flaw.where) == [
        Bad("pets.tar/cat/dev.png", "a device, refused"),
        Bad("pets.tar/cat/fifo.png", "a FIFO, refused"),
        Bad("pets.tar/cat/hard.png", "a hard link, refused"),
        Bad("pets.tar/cat/sym.png", "a symbolic link, refused"),
    ]


def test_a_link_and_an_encrypted_member_in_a_zip_are_bad(tmp_path, read_all):
    link = zipfile.ZipInfo("cat/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    locked = zipfile.ZipInfo("cat/locked.png")
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        archive.writestr("cat/1.png", b"1")
        archive.writestr("dog/1.png", b"2")
        archive.writestr(link, b"/etc/passwd")
        archive.writestr(locked, b"secret")
        locked.flag_bits |= 1
    records, bad = read_all(open_source(tmp_path / "pets.zip"))
    assert len(records) == 2
    assert [flaw.reason for flaw in bad] == ["a link, refused", "encrypted"]


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
@pytest.mark.parametrize(
    ("limits", "found"),
    [
        (Limits(max_members=2), "more than 2 members"),
        (Limits(max_total_bytes=1000), "more than 1000 bytes"),
        (Limits(max_ratio=2, free_bytes=1000), "more than 2 times its size"),
    ],
)
def test_a_bomb_is_an_error_that_names_the_member(tmp_path, suffix, limits, found):
    path = write(tmp_path, suffix, {f"cat/{i}.png": bytes(5000) for i in range(4)})
    with pytest.raises(UserError, match=found) as caught:
        list(Archive(path, limits=limits).rows())
    assert "stopped at cat/" in str(caught.value)


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
def test_a_member_over_the_limit_is_bad(tmp_path, read_all, suffix):
    path = write(tmp_path, suffix, {"cat/1.png": bytes(2000), "dog/2.png": b"small"})
    records, bad = read_all(Archive(path, limits=Limits(max_member_bytes=1000)))
    assert [values for _, _, values in records] == [(b"small", "dog")]
    assert [flaw.reason for flaw in bad] == ["larger than 1000 bytes"]


BOMB = """
import resource, sys
from pathlib import Path
from noria.errors import UserError
from noria.sources.formats.opening import open_source
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    for rows in open_source(Path(sys.argv[1])).rows():
        pass
except UserError as error:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, error)
"""


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
def test_a_bomb_at_the_default_limits_stops_early_in_little_memory(tmp_path, suffix):
    path = write(tmp_path, suffix, {"cat/0.png": b"0", **{f"dog/{i}.png": bytes(30_000_000) for i in range(6)}})
    output = subprocess.run([sys.executable, "-c", BOMB, str(path)], capture_output=True, text=True, check=True)
    growth_kib, message = output.stdout.split(" ", 1)
    assert "unpacks to too much: stopped at dog/" in message
    assert int(growth_kib) < 250 * 1024


def test_a_zip_whose_header_lies_about_the_size_is_bad(tmp_path, read_all):
    path = write_zip(tmp_path / "pets.zip", {"cat/1.png": bytes(10_000), "dog/2.png": b"ok"})
    data = path.read_bytes().replace((10_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    path.write_bytes(data)
    records, bad = read_all(open_source(path))
    assert [values for _, _, values in records] == [(b"ok", "dog")]
    assert [flaw.where for flaw in bad] == ["pets.zip/cat/1.png"]


def test_a_damaged_member_of_a_zip_is_bad_and_the_rest_is_read(tmp_path, read_all):
    path = write_zip(tmp_path / "pets.zip", {"cat/1.png": b"A" * 50, "dog/2.png": b"ok"}, zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"AAAA", b"AABA", 1))
    records, bad = read_all(open_source(path))
    assert len(records) == 1
    assert "cannot be unpacked" in bad[0].reason


@pytest.mark.parametrize("suffix", [".zip", *TARS])
def test_an_archive_cut_anywhere_is_an_error_and_never_a_shorter_set(tmp_path, suffix):
    whole = write(tmp_path, suffix, {f"{kind}/{i}.png": os.urandom(700) for kind in "ab" for i in range(5)})
    data = whole.read_bytes()
    content_end = len(data) if suffix != ".tar" else 10 * (512 + 1024)
    for part in range(16):
        whole.write_bytes(data[: content_end * part // 16])
        with pytest.raises(UserError):
            for _ in open_source(whole).rows():
                pass


@pytest.mark.parametrize("position", [3, 130, 512 + 512 + 20])
def test_a_tar_whose_header_does_not_add_up_is_an_error(tmp_path, position):
    path = write(tmp_path, ".tar", {"cat/1.png": b"1", "dog/2.png": b"2"})
    data = bytearray(path.read_bytes())
    data[position] ^= 2
    path.write_bytes(data)
    with pytest.raises(UserError, match="a header does not add up"):
        open_source(path)


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz", ".tar.xz", ".tar.bz2"])
@pytest.mark.parametrize("content", [b"", b"no archive at all", b"x" * 5000])
def test_a_file_that_is_no_archive_is_an_error(tmp_path, suffix, content):
    (tmp_path / f"a{suffix}").write_bytes(content)
    with pytest.raises(UserError, match=r"is broken|not a whole zip"):
        open_source(tmp_path / f"a{suffix}")


@pytest.mark.parametrize("layout", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_tar_format_gives_long_and_chinese_names(tmp_path, read_all, layout):
    long = "cat/" + "/".join(["deep" * 5] * 7) + "/1.png"
    files = {long: b"1", "狗/二.png": b"2"}
    if layout != tarfile.USTAR_FORMAT:
        files["cat/" + "x" * 300 + ".png"] = b"3"
    records, _ = read_all(open_source(write_tar(tmp_path / "a.tar", files, format=layout)))
    assert [where for where, _, _ in records] == [f"a.tar/{name}" for name in files]


def test_names_in_gbk_as_windows_writes_them_are_read(tmp_path, read_all):
    path = write_zip(tmp_path / "a.zip", {"XXXX/1.png": b"1", "YYYY/2.png": b"2", "dog/3.png": b"3"})
    cat, bird = "小猫".encode("gbk"), "麻雀".encode("gbk")
    assert cat.decode() == "Сè"  # UTF-8 by accident
    path.write_bytes(path.read_bytes().replace(b"XXXX", cat).replace(b"YYYY", bird))
    assert [values[1] for _, _, values in read_all(open_source(path))[0]] == ["小猫", "麻雀", "dog"]


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
def test_an_archive_of_nothing_but_tables_is_those_tables(tmp_path, read_all, suffix):
    path = write(tmp_path, suffix, {"d/test.csv": b"a,b\n3,4\n", "d/train.csv": b'a,b\n1,"x\ny"\n5,6\n'})
    source = open_source(path)
    records, _ = read_all(source)
    assert [(split, values) for _, split, values in records] == [
        ("train", ("1", "x\ny")),
        ("train", ("5", "6")),
        ("test", ("3", "4")),
    ]
    assert records[1][0] == "d/train.csv:4"


def test_hidden_members_are_passed_over(tmp_path, read_all):
    files = {"cat/1.png": b"1", "dog/1.png": b"2", "__MACOSX/cat/._1.png": b"x", "cat/.DS_Store": b"x"}
    assert len(read_all(open_source(write(tmp_path, ".zip", files)))[0]) == 2


def test_the_real_digits_are_70_000(shared_data):
    source = open_source(shared_data / "digits" / "mnist-pngs.tar.gz")
    sizes, labels = {}, set()
    for rows in source.rows():
        sizes[rows.split] = sizes.get(rows.split, 0) + len(rows)
        labels.update(rows.columns["label"])
        assert all(data.startswith(b"\x89PNG") for data in rows.columns["file"])
        assert rows.bad == []
    assert sizes == {"train": 60_000, "test": 10_000}
    assert labels == set("0123456789")
    assert "README.md, test.csv, train.csv" in source.notes()[0]
