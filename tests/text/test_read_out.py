import pytest

from noria.text.read_out import en_number, read_out, zh_number


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("我有2只猫", "我有两只猫"),
        ("25%", "百分之二十五"),
        ("12:30", "十二点三十分"),
        ("2:05", "两点零五分"),
        ("2024年5月3日", "二零二四年五月三日"),
        ("气温-5℃", "气温负五摄氏度"),
        ("¥2", "两元"),
        ("3.14", "三点一四"),
        ("时速120km/h", "时速一百二十公里每小时"),
        ("3-5天", "三到五天"),
        ("1,203人", "一千二百零三人"),
        ("24:00", "二十四点"),
        ("£5m", "五百万英镑"),
        ("$2.5bn", "二十五亿美元"),
        ("$2", "两美元"),
        ("10:30pm", "下午十点三十分"),
    ],
)
def test_figures_are_read_out_in_chinese(written, said):
    assert read_out(written, "zh") == said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("$3.50 for 2 km", "three dollars fifty for two kilometres"),
        ("1 kg", "one kilogram"),
        ("in 1999", "in nineteen ninety nine"),
        ("in 2005", "in two thousand and five"),
        ("the 21st and the 12th", "the twenty first and the twelfth"),
        ("0.5%", "zero point five percent"),
        ("-5 °C", "minus five degrees Celsius"),
        ("at 7:05", "at seven oh five"),
        ("007", "zero zero seven"),
        ("salt & pepper", "salt and pepper"),
        ("3-5 days", "three to five days"),
        ("the 1990s", "the nineteen nineties"),
        ("the 1800s", "the eighteen hundreds"),
        ("the 2000s and the 80s", "the two thousands and the eighties"),
        ("the 2010s", "the twenty tens"),
        ("for 5s and 30 s", "for five seconds and thirty seconds"),
        ("at 24:00", "at twenty four hundred"),
        ("at 13:00", "at thirteen hundred"),
        ("at 10:00", "at ten o'clock"),
        ("10:30am", "ten thirty a m"),
        ("10:30 p.m. sharp", "ten thirty p m sharp"),
        ("9:00 PM", "nine p m"),
        ("7:05 among us", "seven oh five among us"),
        ("$1.005", "one point zero zero five dollars"),
        ("$1.50", "one dollar fifty"),
        ("£5m", "five million pounds"),
        ("$2.5bn a year", "two point five billion dollars a year"),
        ("€20k", "twenty thousand euros"),
        ("$1m", "one million dollars"),
        ("$5 more", "five dollars more"),
    ],
)
def test_figures_are_read_out_in_english(written, said):
    assert read_out(written, "en") == said


def test_gaps_in_a_number_are_said_once():
    assert zh_number("10203") == "一万零二百零三"
    assert zh_number("100000010") == "一亿零一十"
    assert zh_number("12") == "十二"
    assert en_number("1000001") == "one million and one"


def test_a_text_without_figures_is_left_alone():
    assert read_out("你好, a-b", "zh") == "你好, a-b"
    assert read_out("Hello, world-wide.", "en") == "Hello, world-wide."


def test_no_digit_is_left_in_any_number():
    for number in (0, 7, 10, 19, 20, 101, 110, 1000, 1010, 99_999, 100_000, 20_000_001, 10**12 + 1):
        for language in ("zh", "en"):
            assert not any(char.isdigit() for char in read_out(str(number), language))


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("endless", ["9" * 100_000, "1" + ",234" * 50_000, " " * 100_000])
def test_figures_and_gaps_without_end_are_looked_at_once(endless: str, language: str) -> None:
    said = read_out(f"a {endless} b", language)  # which took minutes when each digit was looked at anew
    assert not any(char.isdigit() for char in said)
    assert said.startswith("a ")
    assert said.endswith(" b")
