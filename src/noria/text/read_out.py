"""How figures in a text are read out: numbers, units, prices, times and years, in Chinese or English.

    zh  我有2只猫, 25%, 12:30   ->  我有两只猫, 百分之二十五, 十二点三十分
    en  $3.50 for 2 km          ->  three dollars fifty for two kilometres

A small table of rules, not a grammar: what it does not know stays as it is, and the alphabet of the voice then names
it. Read next: spoken_units.yaml.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from importlib.resources import files
from typing import Any, Literal

import yaml

Language = Literal["zh", "en"]
ZH_DIGITS = "零一二三四五六七八九"
ZH_STEPS = ("", "十", "百", "千")
ZH_GROUPS = ("", "万", "亿", "万亿")
ZH_MEASURES = "个只条本张位件块元米克天年岁次点份双万亿千"  # before these 2 is 两
SMALL = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen
"""
ROUND = "twenty thirty forty fifty sixty seventy eighty ninety"
ONES, TENS = SMALL.split(), ROUND.split()
EN_GROUPS = ("", " thousand", " million", " billion", " trillion")
ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth"}
CURRENCIES = {"$": ("美元", "dollar"), "€": ("欧元", "euro"), "£": ("英镑", "pound"), "¥": ("元", "yuan")}
SIZES = {"k": 3, "m": 6, "b": 9, "bn": 9, "tn": 12}  # behind a price, as powers of ten
MOST_DIGITS = 15  # of a number that is read as one; longer ones are read digit by digit
RANGE = r"(?<![\d-])([1-9]\d{0,3})[-–~～](?=[1-9]\d{0,3}(?![\d-]))"  # not of a telephone or a date
CLOCK = (
    r"(?<![\d:])(?P<hour>24(?=[:：]00)|[01]?\d|2[0-3])[:：](?P<minute>[0-5]\d)(?![\d:])"
    r"(?:\s?(?P<half>[aApP](?:\.[mM]\.|[mM]\b)))?"
)
DECADE = r"(?<![\d.,])((?:1[1-9]|20)\d0|(?<=\bthe )[2-9]0)s\b"  # 30s alone are seconds
ENDLESS = r"\d{40,}|\d{1,3}(?:,\d{3}){12,}"  # no number: looked for first, as others look at each of its digits anew
NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"


def read_out(text: str, language: Language) -> str:
    """Return the text with its figures as words."""
    for pattern, said in _rules(language):
        text = pattern.sub(said, text)
    return text


def zh_number(digits: str) -> str:
    """Return a whole number in Chinese: 10203 -> 一万零二百零三."""
    if len(digits) > MOST_DIGITS or (len(digits) > 1 and digits[0] == "0"):
        return zh_digits(digits)
    number, said, is_gap = int(digits), "", False
    for group in range(len(ZH_GROUPS) - 1, -1, -1):
        part = number // 10_000**group % 10_000
        if part:
            said += ("零" if said and (is_gap or part < 1000) else "") + _zh_group(part) + ZH_GROUPS[group]
        is_gap = part == 0
    return (said[1:] if said.startswith("一十") else said) or "零"


def zh_digits(digits: str) -> str:
    """Return digits one by one, as of a year or a telephone: 2024 -> 二零二四."""
    return "".join(ZH_DIGITS[int(digit)] for digit in digits)


def en_number(digits: str) -> str:
    """Return a whole number in English: 1203 -> one thousand two hundred and three."""
    if len(digits) > MOST_DIGITS or (len(digits) > 1 and digits[0] == "0"):
        return en_digits(digits)
    number = int(digits)
    said: list[str] = []
    for group in range(len(EN_GROUPS) - 1, -1, -1):
        part = number // 1000**group % 1000
        if part:
            is_last = group == 0 and part < 100 and bool(said)
            said.append(("and " if is_last else "") + _en_group(part) + EN_GROUPS[group])
    return " ".join(said) or "zero"


def en_digits(digits: str) -> str:
    """Return digits one by one: 007 -> zero zero seven."""
    return " ".join(ONES[int(digit)] for digit in digits)


def _zh_group(part: int) -> str:
    """Return a number below ten thousand."""
    said, is_gap = "", False
    for step in range(3, -1, -1):
        digit = part // 10**step % 10
        if digit:
            said += ("零" if said and is_gap else "") + ZH_DIGITS[digit] + ZH_STEPS[step]
        is_gap = digit == 0
    return said


def _en_group(part: int) -> str:
    """Return a number below a thousand."""
    hundreds, rest = divmod(part, 100)
    said = [f"{ONES[hundreds]} hundred"] if hundreds else []
    if rest:
        small = ONES[rest] if rest < 20 else TENS[rest // 10 - 2] + (f" {ONES[rest % 10]}" if rest % 10 else "")
        said.append(f"and {small}" if said else small)
    return " ".join(said)


def _zh(number: str) -> str:
    whole, _, decimals = number.replace(",", "").partition(".")
    return zh_number(whole) + (f"点{zh_digits(decimals)}" if decimals else "")


def _en(number: str) -> str:
    whole, _, decimals = number.replace(",", "").partition(".")
    return en_number(whole) + (f" point {en_digits(decimals)}" if decimals else "")


def _zh_counted(number: str) -> str:
    return "两" if number == "2" else _zh(number)


def _en_ordinal(digits: str) -> str:
    *before, last = en_number(digits).split()
    said = ORDINALS.get(last) or (last[:-1] + "ieth" if last.endswith("y") else last + "th")
    return " ".join([*before, said.replace("twelveth", "twelfth")])


def _en_year(digits: str) -> str:
    first, last = digits[:2], digits[2:]
    if last == "00":
        return f"{en_number(first)} hundred" if first[1] != "0" else en_number(digits)
    if first[1] == "0" and last[0] == "0":
        return en_number(digits)
    return f"{en_number(first)} {'oh ' + ONES[int(last)] if last[0] == '0' else en_number(last)}"


def _en_decade(digits: str) -> str:
    """Return ten years: 1990 -> nineteen nineties, 2000 -> two thousands, 80 -> eighties."""
    said = _en_year(digits) if len(digits) == 4 else en_number(digits)
    return f"{said[:-1]}ies" if said.endswith("y") else f"{said}s"


def _money(language: Language, found: re.Match[str]) -> str:
    zh, en = CURRENCIES[found["sign"].replace("￥", "¥")]
    number, power = found["number"], SIZES[found["size"].lower()] if found["size"] else 0
    if language == "zh":
        return _zh_counted(_times(number, power)) + zh
    whole, _, cents = number.partition(".")
    name = en if (whole == "1" and not (power or cents[2:])) or en == "yuan" else f"{en}s"
    if power or cents[2:]:  # the latter is no sum that is paid: a price of fuel, a rate
        return f"{_en(number)}{EN_GROUPS[power // 3]} {name}"
    return f"{_en(whole)} {name}" + (f" {_en(cents[:2].ljust(2, '0').lstrip('0') or '0')}" if cents.strip("0") else "")


def _times(number: str, power: int) -> str:
    """Return a number times a power of ten, as it is written: 2.5 and 9 -> 2500000000."""
    whole, _, decimals = number.replace(",", "").partition(".")
    moved = decimals.ljust(power, "0")
    rest = moved[power:]
    return ((whole + moved[:power]).lstrip("0") or "0") + (f".{rest}" if rest else "")


def _with_unit(language: Language, found: re.Match[str]) -> str:
    unit, number = _units()[found["unit"]], found["number"]
    if language == "zh":
        name = str(unit["zh"])
        return name + _zh(number) if unit.get("before") else _zh_counted(number) + name
    name = str(unit.get("one", unit["en"]) if number == "1" else unit["en"])
    return f"{_en(number)} {name}"


def _clock(language: Language, found: re.Match[str]) -> str:
    hour, minute = str(int(found["hour"])), found["minute"]
    if language == "zh":
        said = f"零{zh_number(minute[1])}分" if minute[0] == "0" else f"{zh_number(minute)}分"
        half = {"a": "上午", "p": "下午"}[found["half"][0].lower()] if found["half"] else ""
        return f"{half}{_zh_counted(hour)}点" + ("" if minute == "00" else said)
    half = " ".join(found["half"].replace(".", "").lower()) if found["half"] else ""
    if minute == "00":
        hundred = "hundred" if int(hour) > 12 else "o'clock"
        return f"{en_number(hour)} {half or hundred}"
    said = ("oh " if minute[0] == "0" else "") + en_number(str(int(minute)))
    return f"{en_number(hour)} {said} {half}".rstrip()


@functools.cache
def _rules(language: Language) -> list[tuple[re.Pattern[str], Callable[[re.Match[str]], str]]]:
    """Return what is looked for, in this order, and how it is read out."""
    is_zh = language == "zh"
    units = "|".join(map(re.escape, sorted(_units(), key=len, reverse=True)))
    money, unit, clock = (functools.partial(one, language) for one in (_money, _with_unit, _clock))
    digits = zh_digits if is_zh else en_digits
    rules: list[tuple[str, Callable[[re.Match[str]], str]]] = [
        (ENDLESS, lambda found: digits(found[0].replace(",", ""))),
        (CLOCK, clock),
        *([] if is_zh else [(DECADE, lambda found: _en_decade(found[1]))]),
        (RANGE, lambda found: found[1] + ("到" if is_zh else " to ")),
        (rf"(?<!\w)[-−](?=[$€£¥￥]?{NUMBER})", lambda _: "负" if is_zh else "minus "),
        (rf"(?<=[一-鿿])[-−](?=[$€£¥￥]?{NUMBER})", lambda _: "负" if is_zh else "minus "),
        (rf"(?P<sign>[$€£¥￥])\s?(?P<number>{NUMBER})(?:\s?(?P<size>k|K|m|M|bn|b|B|tn)\b)?", money),
        (rf"(?P<number>{NUMBER})\s?(?P<unit>{units})(?![A-Za-z²³])", unit),
    ]
    if is_zh:
        rules += [
            (r"(?<!\d)(\d{4})(?=年)", lambda found: zh_digits(found[1])),
            (rf"(?<![\d.])2(?=[{ZH_MEASURES}])", lambda _: "两"),
            (NUMBER, lambda found: _zh(found[0])),
        ]
    else:
        rules += [
            (r"(?<![\d.,])(\d+)(?:st|nd|rd|th)\b", lambda found: _en_ordinal(found[1])),
            (r"(?<=\bin )(1[1-9]\d\d|20\d\d)(?![\d.,]?\d)", lambda found: _en_year(found[1])),
            (NUMBER, lambda found: _en(found[0])),
            (r"\s{0,8}&\s{0,8}", lambda _: " and "),
        ]
    return [(re.compile(pattern), said) for pattern, said in rules]


@functools.cache
def _units() -> dict[str, dict[str, Any]]:
    text = files("noria.text").joinpath("spoken_units.yaml").read_text("utf-8")
    found: dict[str, dict[str, Any]] = yaml.safe_load(text)
    return found
