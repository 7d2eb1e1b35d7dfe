"""By which words a text is compared is told from its letters."""

from __future__ import annotations

import pytest

from noria.text.scripts import language_of


@pytest.mark.parametrize(
    ("texts", "language"),
    [
        (["Ein Hund rennt im Schnee."], "en"),
        (["Собака бежит.", "كلب يركض"], "en"),
        (["一只狗在雪地里奔跑。", "OK"], "zh"),
        (["一只 iPhone 手机和 MacBook 电脑都很好用"], "zh"),
        (["犬が雪の中を走っている。", "東京"], "ja"),
        (["개가 눈 속에서 달린다."], "ko"),
        (["สุนัขวิ่งในหิมะ"], "th"),
        (["A dog says 汪."], "en"),
        (["", "123 !"], "en"),
        ([], "en"),
    ],
)
def test_the_scripts_of_the_letters_tell(texts, language):
    assert language_of(texts) == language
