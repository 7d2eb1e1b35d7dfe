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
MOST_DIGITS = 15  # of a number that is read as one; longer ones are read digit by digit
RANGE = r"(?<![\d-])([1-9]\d{0,3})[-–~～](?=[1-9]\d{0,3}(?![\d-]))"  # not of a telephone or a date
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


def _money(language: Language, found: re.Match[str]) -> str:
    zh, en = CURRENCIES[found["sign"].replace("￥", "¥")]
    number = found["number"]
    if language == "zh":
        return _zh_counted(number) + zh
    whole, _, cents = number.partition(".")
    name = en if whole == "1" or en == "yuan" else f"{en}s"
    return f"{_en(whole)} {name}" + (f" {_en(cents[:2].ljust(2, '0').lstrip('0') or '0')}" if cents.strip("0") else "")


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
        return f"{_zh_counted(hour)}点" + ("" if minute == "00" else said)
    said = "o'clock" if minute == "00" else ("oh " if minute[0] == "0" else "") + en_number(str(int(minute)))
    return f"{en_number(hour)} {said}"


@functools.cache
def _rules(language: Language) -> list[tuple[re.Pattern[str], Callable[[re.Match[str]], str]]]:
    """Return what is looked for, in this order, and how it is read out."""
    is_zh = language == "zh"
    units = "|".join(map(re.escape, sorted(_units(), key=len, reverse=True)))
    money, unit, clock = (functools.partial(one, language) for one in (_money, _with_unit, _clock))
    rules: list[tuple[str, Callable[[re.Match[str]], str]]] = [
        (r"(?<!\d)(?P<hour>[01]?\d|2[0-3])[:：](?P<minute>[0-5]\d)(?![\d:])", clock),
        (RANGE, lambda found: found[1] + ("到" if is_zh else " to ")),
        (rf"(?<!\w)[-−](?=[$€£¥￥]?{NUMBER})", lambda _: "负" if is_zh else "minus "),
        (rf"(?<=[一-鿿])[-−](?=[$€£¥￥]?{NUMBER})", lambda _: "负" if is_zh else "minus "),
        (rf"(?P<sign>[$€£¥￥])\s?(?P<number>{NUMBER})", money),
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
            (r"\s*&\s*", lambda _: " and "),
        ]
    return [(re.compile(pattern), said) for pattern, said in rules]


@functools.cache
def _units() -> dict[str, dict[str, Any]]:
    text = files("noria.text").joinpath("spoken_units.yaml").read_text("utf-8")
    found: dict[str, dict[str, Any]] = yaml.safe_load(text)
    return found
