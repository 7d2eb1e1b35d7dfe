"""Records that lie in an object store, and answers that go there: s3://bucket/name and the like, through fsspec.

What is read is copied to the cache first, an object at a time, under the version that the store names: what has not
changed is copied once. What is written is written here, and sent when it is whole; a store shows an object whole or not
at all. Where sending fails three times, the file stays here, and the error says where.

Addresses of web servers, which a text may hold, are read only where NORIA_OBJECT_STORES names them: https, http.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from noria.errors import UserError, how_to_install
from noria.store.cache import cache_folder
from noria.store.disk import CACHE_ADVICE, FULL, making_room, plain_disk_errors, sync_folder

EXTRAS = {  # the scheme of an address -> the package that reads it
    **dict.fromkeys(("s3", "s3a"), "s3fs"),
    **dict.fromkeys(("gs", "gcs"), "gcsfs"),
    **dict.fromkeys(("az", "abfs", "abfss"), "adlfs"),
    **dict.fromkeys(("https", "http"), "aiohttp"),
}
WEB = ("https", "http")
MORE = "NORIA_OBJECT_STORES"
TRIES, FIRST_PAUSE = 3, 1.0  # of one object; seconds before the second
FINAL = ("NoCredentialsError", "PartialCredentialsError", "ParamValidationError", "TypeError")  # no second try mends it
WILD = "*?["
ADDRESS = "address"  # the file beside the copies of an address that says what stands in the place of their folder
Result = TypeVar("Result")


def is_remote(given: object) -> bool:
    """Say whether this is the address of something in an object store."""
    scheme, found, _ = str(given).partition("://")
    is_known = scheme in EXTRAS and (scheme not in WEB or scheme in os.environ.get(MORE, "").split(","))
    return bool(found) and is_known


def fetched(url: str) -> Path:
    """Return a copy of an object, or of the folder of all below a prefix, or that match a pattern.

    Raises UserError where there is none, or where the store cannot be asked.
    """
    fs, path = _opened(url)
    infos = _tried(url, lambda: _found(fs, path))
    if not infos:
        raise UserError("there is nothing of that name in the store", where=url, fix="look at the address")
    stamp = hashlib.sha256(repr(sorted((name, _version(info)) for name, info in infos.items())).encode()).hexdigest()
    folder = cache_folder() / "objects" / hashlib.sha256(url.encode()).hexdigest()[:16] / stamp[:16]
    with making_room(folder, CACHE_ADVICE):
        folder.mkdir(parents=True, exist_ok=True)
    is_one = list(infos) == [path]
    _note(folder.parent, url.rpartition("/")[0] if is_one else _root(url))
    root = str(PurePosixPath(path).parent) if is_one else _root(path)
    for name in infos:
        _copy(fs, name, folder / _local_name(name, root, url), url)
    return folder / PurePosixPath(path).name if is_one else folder


def with_addresses(text: str) -> str:
    """Return a text that names copies with the addresses that they are copies of."""
    objects = cache_folder() / "objects"

    def address(found: re.Match[str]) -> str:
        with suppress(OSError, UnicodeDecodeError):
            return (objects / found[1] / ADDRESS).read_text("utf-8")
        return found[0]

    folders = "|".join(re.escape(str(one)) for one in (objects.absolute(), objects))
    return re.sub(rf"(?:{folders})/([0-9a-f]{{16}})/[0-9a-f]{{16}}", address, text)


@contextmanager
def sent(out: str) -> Iterator[Path]:
    """Give a place to write a file or a folder to, and send what stands there in the end.

    The place is this call's own, and stays where something was written that could not be sent. Raises UserError where
    the store cannot be asked, before anything is written.
    """
    check_bucket(out)
    name, parent = name_of(out), cache_folder() / "sending"
    with making_room(parent, CACHE_ADVICE):
        parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=parent))
    try:
        yield folder / name
        send(folder / name, out)
    except BaseException:
        with suppress(OSError):
            folder.rmdir()  # which leaves what is not empty
        raise
    shutil.rmtree(folder)


def check_bucket(url: str) -> None:
    """Raise UserError where an address names no bucket that there is, before anything is answered for it."""
    fs, path = _opened(url)
    bucket = path.split("/")[0]
    if not _tried(url, lambda: fs.exists(bucket)):
        raise UserError("there is no such bucket", where=url, found=bucket, fix="make it, or name another --out")


def name_of(url: str) -> str:
    """Return the last part of an address; raise UserError where it has none below its bucket."""
    parts = PurePosixPath(url.partition("://")[2]).parts
    if len(parts) < 2 or ".." in parts:
        raise UserError("the address names no object", where=url, expected="s3://BUCKET/NAME")
    return parts[-1]


def send(place: Path, url: str) -> None:
    """Send a file, or all files of a folder; raise UserError, which says where they stay, or that there are none."""
    fs, path = _opened(url)
    files = [place] if place.is_file() else sorted(one for one in place.rglob("*") if one.is_file())
    if not files:
        raise UserError("there is nothing to be sent", where=url, found=f"no file at {place}")
    for one in files:
        name = path if one == place else f"{path.rstrip('/')}/{one.relative_to(place).as_posix()}"
        try:
            _tried(url, lambda file=one, name=name: fs.put_file(str(file), name))  # type: ignore[misc]
        except UserError as error:
            raise UserError(
                "the answers could not be sent; they are whole here",
                where=url,
                found=f"{place}; {error.found}",
                fix="copy them yourself, or run the same command again",
            ) from error


def _opened(url: str) -> tuple[Any, str]:
    """Return the store of an address, and the name within it."""
    scheme = url.partition("://")[0]
    package = EXTRAS.get(scheme, "")
    try:
        import fsspec

        fs, path = fsspec.core.url_to_fs(url, **({"use_listings_cache": False} if scheme not in WEB else {}))
    except ImportError as error:
        fix = how_to_install("s3") if package == "s3fs" else f"pip install {package} fsspec"
        raise UserError(f"{scheme}:// needs the package {package}", where=url, fix=fix) from error
    except Exception as error:
        raise _not_asked(url, error) from error
    return fs, str(path)


def _found(fs: Any, path: str) -> dict[str, dict[str, Any]]:
    """Return what is known of each object that an address means, by its name."""
    if any(mark in path for mark in WILD):
        found = fs.glob(path, detail=True)
    elif not path.endswith("/") and fs.isfile(path):
        return {path: fs.info(path)}
    else:
        found = fs.find(path, detail=True)
    return {name: info for name, info in found.items() if info.get("type") == "file" and not name.endswith("/")}


def _root(path: str) -> str:
    """Return the folder below which the copies keep their names."""
    parts = path.rstrip("/").split("/")
    return "/".join(takewhile(lambda part: not any(mark in part for mark in WILD), parts))


def _note(folder: Path, address: str) -> None:
    """Write down of what a folder has copies."""
    with suppress(OSError):  # messages name the copies then
        temporary = folder / f".{ADDRESS}-{secrets.token_hex(4)}"
        temporary.write_text(address, "utf-8")
        os.replace(temporary, folder / ADDRESS)


def _local_name(name: str, root: str, url: str) -> PurePosixPath:
    """Return where a copy stands below its folder; raise UserError for a name that leads out of it."""
    local = PurePosixPath(name.removeprefix(root).lstrip("/"))
    if not local.parts or ".." in local.parts or local.is_absolute():
        raise UserError("an object has a name that no file can have", where=url, found=name)
    return local


def _version(info: dict[str, Any]) -> str:
    """Return what tells one state of an object from another."""
    names = ("ETag", "etag", "md5Hash", "generation", "LastModified", "last_modified", "mtime", "size")
    return repr([str(info[name]) for name in names if name in info])


def _copy(fs: Any, name: str, place: Path, url: str) -> None:
    """Copy an object, unless it is here; a broken-off copy leaves nothing among those that are read."""
    if place.exists():
        return
    temporary = cache_folder() / "objects" / f".tmp-{secrets.token_hex(8)}"
    with plain_disk_errors(place, CACHE_ADVICE):
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            _tried(url, lambda: fs.get_file(name, str(temporary)))
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(temporary, place)
            sync_folder(place.parent)
        finally:
            temporary.unlink(missing_ok=True)


def _tried(url: str, ask: Callable[[], Result]) -> Result:
    """Return what a store answers, which is asked three times; raise UserError, or OSError where our disk is full."""
    pause = FIRST_PAUSE
    for last in (False,) * (TRIES - 1) + (True,):
        try:
            return ask()
        except (FileNotFoundError, PermissionError) as error:
            raise _not_asked(url, error) from error
        except Exception as error:
            if isinstance(error, OSError) and error.errno in FULL:
                raise
            if last or type(error).__name__ in FINAL:
                raise _not_asked(url, error) from error
        time.sleep(pause)
        pause *= 2
    raise AssertionError


def _not_asked(url: str, error: Exception) -> UserError:
    return UserError(
        "the object store did not do it",
        where=url,
        found=f"{type(error).__name__}: {error}",
        fix="look at the address, and at the keys and the region that the environment names (AWS_ACCESS_KEY_ID ..)",
    )
