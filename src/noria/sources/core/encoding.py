"""Find the encoding of a text file from several windows of it: a byte order mark, UTF-8, what the user says, a guess.

A guess is never silent: it comes with a sentence that says how sure it is. UTF-8 goes before what the user says, as
text in another encoding is hardly ever valid UTF-8. Nothing is ever decoded with errors="ignore": text_file.py marks
what does not decode. Read next: text_file.py.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass

from noria.errors import UserError, did_you_mean

_MARKS = (  # UTF-32 before UTF-16: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_KNOWN = ("utf-8", "utf-16", "utf-32", "gb18030", "gbk", "big5", "cp1252", "latin-1", "shift_jis", "euc_kr", "cp1251")
_MULTIBYTE = re.compile(r"gb|big5|cp9[345]\d|euc|shift|iso2022|hz|johab")
_LONG_UTF8 = re.compile(rb"[\xe0-\xf4][\x80-\xbf]{2}")
_FEW_TRAILING = re.compile(rb"[\x80-\xbf]{1,3}(?![\x80-\xbf])")  # the end of a character that began before
_PART_OF_UTF8 = re.compile(rb"(?:[\xc2-\xf4]|[\xe0-\xf4][\x80-\xbf]|[\xf0-\xf4][\x80-\xbf]{2})\Z")
_NON_ASCII = re.compile(r"[^\x00-\x7f]+")
_CJK_MARKS = re.compile("[\u3000-\u303f\uff00-\uffef\u2010-\u2027]")
_LATIN = re.compile(r"[À-ÖØ-öø-ÿŒœŠšŸŽž‘’“”–—…•€£§°©®«»¿¡´·\xa0½¼¾²³]+")
WINDOW_BYTES = 64 * 1024
_SAMPLE_CHARACTERS = 20_000  # enough for a share that is good to one hundredth
_SIMPLIFIED = ("gb2312", 0xB0, 0xD7)  # a standard, and the lead bytes of its first level: the common characters
_TRADITIONAL = ("big5", 0xA4, 0xC6)
_SURE = 0.5  # below this share of common characters no candidate is taken


@dataclass(frozen=True)
class Encoding:
    """A Python codec name, and the sentence to say where it was guessed."""

    name: str
    note: str = ""


def find_encoding(windows: Sequence[bytes], declared: str | None, where: str) -> Encoding:
    """Return the encoding of the windows, whole lines or `whole_characters` each; the first begins the file."""
    if declared is not None:
        _check_codec(declared, where)
    for mark, name in _MARKS:
        if windows[0].startswith(mark):
            return Encoding(name)
    if declared is not None and 0 in windows[0] and codecs.lookup(declared).name.startswith(("utf-16", "utf-32")):
        return Encoding(declared)
    if utf_16 := _utf_16(windows[0]):  # before UTF-8: ASCII in UTF-16 would pass for UTF-8 with NULs
        return Encoding(utf_16, "" if declared else _note(utf_16, "its zero bytes fit"))
    share, is_weak = _utf_8_share(windows)
    is_accident = is_weak and declared is not None and _MULTIBYTE.match(codecs.lookup(declared).name) is not None
    if (share == 1 or (share >= 0.5 and (declared is None or not is_weak))) and not is_accident:
        return Encoding("utf-8")
    if declared is not None:
        return Encoding(declared)
    return _guess(windows, where)


def _check_codec(name: str, where: str) -> None:
    try:
        bytes(4).decode(name, "replace")  # not only known, but one of text: rot13 is none
    except LookupError as error:
        raise UserError(
            f"there is no text encoding named {name!r}", where=where, fix=did_you_mean(name, _KNOWN)
        ) from error


def _utf_8_share(windows: Sequence[bytes]) -> tuple[float, bool]:
    """Return the share of non-ASCII lines that are UTF-8, and whether only two-byte sequences say so.

    Two Chinese characters of GBK can by accident be valid two-byte sequences; three-byte ones never are.
    """
    lines = [line for window in windows for line in window.split(b"\n") if not line.isascii()]
    valid = [line for line in lines if _is_utf_8(line)]
    is_weak = bool(valid) and not any(_LONG_UTF8.search(line) for line in valid)
    return (len(valid) / len(lines) if lines else 1.0), is_weak


def _is_utf_8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def whole_characters(window: bytes, *, is_start_cut: bool, is_end_cut: bool) -> bytes:
    """Return a window without the parts of a UTF-8 character that its cut ends may have left.

    Text in another encoding loses three bytes at most, which tells as much about it without them.
    """
    begin = _FEW_TRAILING.match(window) if is_start_cut else None
    end = _PART_OF_UTF8.search(window) if is_end_cut else None
    return window[begin.end() if begin else 0 : end.start() if end else None]


def _utf_16(window: bytes) -> str:
    """Return utf-16-le or -be where there are NULs and, read so, lines of common characters; else nothing."""
    for name in ("utf-16-le", "utf-16-be") if 0 in window else ():
        text = codecs.getincrementaldecoder(name)("replace").decode(window[: 2 * _SAMPLE_CHARACTERS])
        if "\n" in text and sum(map(_is_common, text)) > 0.8 * len(text):  # of random characters a third is common
            return name
    return ""


def _is_common(character: str) -> bool:
    if character.isascii():
        return character.isprintable() or character in "\r\n\t"
    is_mark = bool(_CJK_MARKS.match(character) or _LATIN.match(character))
    return is_mark or _is_level_1(character, *_SIMPLIFIED) or _is_level_1(character, *_TRADITIONAL)


def _guess(windows: Sequence[bytes], where: str) -> Encoding:
    sample = b"\n".join(windows)
    scores = {
        "gb18030": _common_share(sample, "gb18030", _SIMPLIFIED),
        "big5": _common_share(sample, "big5", _TRADITIONAL),
        "cp1252": _latin_share(sample),
    }
    (best, share), (next_best, next_share) = sorted(scores.items(), key=lambda pair: -pair[1])[:2]
    if share < _SURE:
        raise UserError(
            "the text is neither UTF-8 nor anything that can be guessed",
            where=where,
            found=", ".join(f"{name} fits {round(100 * value)} %" for name, value in scores.items()),
            fix="say it: data.encoding=shift_jis (or whatever it is), or save the file as UTF-8",
        )
    fits = f"it fits {round(100 * share)} % of the sampled characters; next {next_best}, {round(100 * next_share)} %"
    return Encoding(best, _note(best, fits))


def _note(name: str, why: str) -> str:
    return f"the encoding {name} was guessed ({why}); data.encoding says it for sure"


def _common_share(sample: bytes, codec: str, level_1: tuple[str, int, int]) -> float:
    """Return the share of non-ASCII characters that are common ones of the language the codec is for."""
    text = codecs.getincrementaldecoder(codec)("replace").decode(sample, final=False)
    characters = "".join(_NON_ASCII.findall(text))[:_SAMPLE_CHARACTERS]
    common = sum(1 for c in characters if _CJK_MARKS.match(c) or _is_level_1(c, *level_1))
    return common / max(1, len(characters))


def _is_level_1(character: str, codec: str, first: int, last: int) -> bool:
    """Say whether it stands in the first level of the national standard, whose lead bytes are first..last."""
    try:
        code = character.encode(codec)
    except UnicodeEncodeError:
        return False
    return len(code) == 2 and first <= code[0] <= last


def _latin_share(sample: bytes) -> float:
    """Return the share of non-ASCII characters that stand as accents do: letters, at most two in a row."""
    runs = _NON_ASCII.findall(sample.decode("cp1252", "replace"))[:_SAMPLE_CHARACTERS]
    alone = sum(len(run) for run in runs if len(run) <= 2 and _LATIN.fullmatch(run))
    return alone / max(1, sum(len(run) for run in runs))
