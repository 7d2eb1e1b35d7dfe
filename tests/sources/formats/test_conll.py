"""Texts with labelled stretches: CoNLL files and what says the same; every stretch is its tokens again."""

from __future__ import annotations

import json

import pytest

from noria.errors import UserError
from noria.sources.formats.conll import conll
from noria.sources.formats.tagged_table import joined

ENGLISH = """-DOCSTART- -X- O O

Ada NNP B-NP B-PER
Lovelace NNP I-NP I-PER
sleeps VBZ B-VP O
. . O O

Rome NNP B-NP B-LOC
"""
CHINESE = "王\tB-PER\n明\tI-PER\n去\tO\n北\tB-LOC\n京\tI-LOC\n\n我\tO\n"


def found(values):
    text, tags = values[:2]
    return [(text[one["start"] : one["end"]], one["label"]) for one in tags]


def test_sentences_are_texts_with_stretches(tmp_path, read_all):
    path = tmp_path / "names.conll"
    path.write_text(ENGLISH, "utf-8")
    records, bad = read_all(conll(path))
    assert [(where, values[0], found(values)) for where, _, values in records] == [
        ("names.conll:3", "Ada Lovelace sleeps .", [("Ada Lovelace", "PER")]),
        ("names.conll:8", "Rome", [("Rome", "LOC")]),
    ]
    assert bad == []


def test_chinese_stands_without_spaces(tmp_path, read_all):
    path = tmp_path / "names.txt"
    path.write_text(CHINESE.replace("\n", "\r\n"), "utf-8")
    records, _ = read_all(conll(path))
    assert [(values[0], found(values)) for _, _, values in records] == [
        ("王明去北京", [("王明", "PER"), ("北京", "LOC")]),
        ("我", []),
    ]


def test_a_space_stands_between_tokens_of_words_only():
    assert joined(["I", "like", "北", "京", "2008", "奥", "OK", "!"]) == (
        "I like北京2008奥OK !",
        [0, 2, 6, 7, 8, 12, 13, 16],
    )


def test_the_split_is_a_word_of_the_name(tmp_path, read_all):
    for name in ("eng.train.conll", "eng.dev.conll", "eng.test.conll"):
        (tmp_path / name).write_text(ENGLISH, "utf-8")
    (tmp_path / "readme.txt").write_text("Names of people.\n", "utf-8")
    source = conll(tmp_path)
    assert [split for _, split, _ in read_all(source)[0]] == ["train"] * 2 + ["validation"] * 2 + ["test"] * 2
    assert any("readme.txt" in note for note in source.notes())


@pytest.mark.parametrize(
    ("line", "reason"),
    [("alone", "line 2 has no token and tag"), ("Ada X-PER", "'X-PER' is no tag"), ("Ada B", "'B' is no tag")],
)
def test_a_sentence_with_a_broken_line_is_bad(tmp_path, read_all, line, reason):
    path = tmp_path / "names.conll"
    path.write_text(f"Ada B-PER\n{line}\n\n" + "Rome B-LOC\n\n" * 20, "utf-8")
    records, bad = read_all(conll(path), chunk_size=3)
    assert len(records) == 20
    assert [flaw.where for flaw in bad] == ["names.conll:1"]
    assert reason in bad[0].reason


def test_json_with_tokens_or_with_spans_says_the_same(tmp_path, read_all):
    tokens, spans = tmp_path / "tokens.jsonl", tmp_path / "spans.jsonl"
    tokens.write_text(
        json.dumps({"tokens": ["Ada", "slept", "."], "tags": ["B-PER", "O", "O"], "id": 1}) + "\n", "utf-8"
    )
    one = {"text": "Ada slept .", "spans": [{"start": 0, "end": 4, "label": "PER"}], "id": 1}  # with a space at its end
    spans.write_text(json.dumps(one) + "\n", "utf-8")
    expected = ("Ada slept .", [{"start": 0, "end": 3, "label": "PER"}], 1)
    for path in (tokens, spans):
        assert [values for _, _, values in read_all(conll(path))[0]] == [expected]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"tokens": ["Ada"], "tags": []}, "as many tags"),
        ({"tokens": ["Ada"], "tags": [1]}, "and not numbered"),
        ({"tokens": ["Ada", ""], "tags": ["O", "O"]}, "must be texts"),
        ({"text": "Ada", "spans": [{"start": 0, "end": 4, "label": "PER"}]}, "the span from 0 to 4"),
        ({"text": "Ada ", "spans": [{"start": 3, "end": 4, "label": "PER"}]}, "holds nothing"),
        ({"text": "Ada", "spans": [{"start": 0, "end": 3}]}, "needs start, end and label"),
        ({"text": "Ada", "spans": None}, "expected a list of spans"),
        ({"text": " ", "spans": []}, "the text is missing"),
    ],
)
def test_a_record_that_does_not_fit_is_bad(tmp_path, read_all, record, reason):
    path = tmp_path / "names.jsonl"
    path.write_text(json.dumps(record) + "\n", "utf-8")
    records, bad = read_all(conll(path))
    assert records == []
    assert [flaw.where for flaw in bad] == ["names.jsonl:1"]
    assert reason in bad[0].reason


def test_what_has_no_tags_is_left_to_the_other_readers(tmp_path):
    path = tmp_path / "lines.jsonl"
    path.write_text('{"text": "Ada"}\n', "utf-8")
    assert conll(path) is None
    plain = tmp_path / "plain.txt"
    plain.write_text("Ada slept. O\nIt was late.\n" * 5, "utf-8")
    assert conll(plain) is None
    with pytest.raises(UserError, match="no such file"):
        conll(tmp_path / "none.conll")


def texts_of(path, text, read_all):
    path.write_text(text, "utf-8")
    records, bad = read_all(conll(path))
    return [(values[0], found(values)) for _, _, values in records], [flaw.reason for flaw in bad]


def test_between_tabs_a_token_may_hold_spaces(tmp_path, read_all):
    sentence = "Ada\tNNP\tO\nflew\tVBD\tO\nSan Juan\tNNP\tB-LOC\n20\u00a0000\tCD\tB-NUM\nkm \tNN\tI-NUM\n\n"
    records, bad = texts_of(tmp_path / "a.conll", sentence * 30, read_all)
    assert records == [("Ada flew San Juan 20\u00a0000 km", [("San Juan", "LOC"), ("20\u00a0000 km", "NUM")])] * 30
    assert bad == []


def test_between_spaces_a_line_with_a_column_more_is_refused(tmp_path, read_all):
    text = "Ada B-PER\nslept O\n\n" * 30 + "San Juan B-LOC\n\n"
    records, bad = texts_of(tmp_path / "a.conll", text, read_all)
    assert len(records) == 30
    assert len(bad) == 1
    assert "3 columns and the file 2" in bad[0]


def test_comments_stand_above_sentences_and_a_number_sign_is_a_token(tmp_path, read_all):
    text = "# id 7a\tdomain=test\n# text = Ada likes\nAda _ _ B-PER\n# _ _ O\nnorias _ _ O\n\n"
    assert texts_of(tmp_path / "a.conll", text * 9, read_all)[0] == [("Ada # norias", [("Ada", "PER")])] * 9


def test_numbers_of_tokens_are_no_tokens(tmp_path, read_all):
    text = "# source\n1\tAda\tB-PER\tO\n2\tLovelace\tI-PER\tB-LOC\n3\tslept\tO\tO\n\n1\tRome\tB-LOC\tO\n\n"
    path = tmp_path / "names.tsv"
    path.write_text(text * 5, "utf-8")
    source = conll(path)
    assert source.columns == ["text", "tags", "tags_3"]
    assert source.notes() == ["names.tsv: tags are read from column 4; those of column 3 are data.fields.tags=tags_3"]
    records, _ = read_all(source)
    text, inner, outer = records[0][2]
    assert (found((text, inner)), found((text, outer))) == ([("Lovelace", "LOC")], [("Ada Lovelace", "PER")])


def test_korean_and_other_scripts_with_spaces_keep_them_and_those_without_have_none(tmp_path, read_all):
    for number, (tokens, text) in enumerate(
        [
            (["서울에서", "철수가", "잤다"], "서울에서 철수가 잤다"),
            (["東京", "へ", "行く"], "東京へ行く"),
            (["ฉัน", "ไป", "กรุงเทพ"], "ฉันไปกรุงเทพ"),
            (["𠮷", "野", "家"], "𠮷野家"),
            (["Ада", "спит"], "Ада спит"),
        ]
    ):
        lines = "".join(f"{token} {'B-X' if i == 0 else 'O'}\n" for i, token in enumerate(tokens))
        assert texts_of(tmp_path / f"{number}.bio", lines + "\n", read_all)[0] == [(text, [(tokens[0], "X")])]


def test_where_spaces_are_tokens_no_other_ones_are_added(tmp_path, read_all):
    lines = "".join(f"{one}\t{tag}\n" for one, tag in zip("철수 잔다", ["B-PS", "I-PS", "O", "O", "O"], strict=True))
    assert texts_of(tmp_path / "a.tsv", (lines + "\n") * 3, read_all)[0] == [("철수 잔다", [("철수", "PS")])] * 3


@pytest.mark.parametrize(
    "tags",
    [
        "I-PER I-PER O I-LOC B-LOC",
        "B-PER I-PER O B-LOC B-LOC",
        "B-PER E-PER O S-LOC S-LOC",
        "B-PER L-PER O U-LOC U-LOC",
        "B-PER M-PER O W-LOC W-LOC",
        "B_PER I_PER O B_LOC B_LOC",
    ],
)
def test_every_scheme_of_tags_means_the_same(tmp_path, read_all, tags):
    lines = "".join(f"{a} {b}\n" for a, b in zip(["Ada", "Lovelace", "to", "Rome", "Oslo"], tags.split(), strict=True))
    expected = ("Ada Lovelace to Rome Oslo", [("Ada Lovelace", "PER"), ("Rome", "LOC"), ("Oslo", "LOC")])
    assert texts_of(tmp_path / "a.iob", f"{lines}\n" * 3, read_all)[0] == [expected] * 3


def test_tags_that_look_the_same_are_one_label(tmp_path, read_all):
    text = "José B-cafe\u0301\nLuis I-caf\u00e9\n\n"
    assert texts_of(tmp_path / "a.conll", text * 3, read_all)[0] == [("José Luis", [("José Luis", "café")])] * 3


CONLLU = (
    "# newdoc id = a\n# text = Vámonos al mar.\n"
    "1-2\tVámonos\t_\t_\t_\t_\t_\t_\t_\t_\n1\tVamos\tir\tVERB\t_\t_\t0\troot\t_\t_\n"
    "2\tnos\tnosotros\tPRON\t_\t_\t1\tobj\t_\t_\n3\tal\ta\tADP\t_\t_\t4\tcase\t_\t_\n4\tmar\tmar\tNOUN\t_\t_\t1\tobl\t_\t"
    "SpaceAfter=No\n4.1\tmar\tmar\tNOUN\t_\t_\t_\t_\t_\t_\n5\t.\t.\tPUNCT\t_\t_\t1\tpunct\t_\t_\n\n"
)


def test_universal_dependencies_label_each_word_by_its_part_of_speech(tmp_path, read_all):
    path = tmp_path / "a.conllu"
    path.write_text(CONLLU * 3, "utf-8")
    source = conll(path)
    assert source.columns == ["text", "tags", "document"]
    assert "part of speech" in source.notes()[0]
    expected = [("Vámonos", "VERB"), ("al", "ADP"), ("mar", "NOUN"), (".", "PUNCT")]
    records, bad = read_all(source)
    assert [(values[0], found(values)) for _, _, values in records] == [("Vámonos al mar.", expected)] * 3
    assert bad == []


def test_sentences_of_one_document_belong_together(tmp_path, read_all):
    path = tmp_path / "a.conll"
    path.write_text("-DOCSTART- O\n\nAda B-PER\n\nslept O\n\n-DOCSTART- O\n\nRome B-LOC\n\n", "utf-8")
    source = conll(path)
    assert source.groups() == ["document"]
    documents = [values[-1] for _, _, values in read_all(source)[0]]
    assert documents[0] == documents[1] != documents[2]
    path.write_text(CHINESE, "utf-8")
    assert conll(path).groups() == []


def test_a_file_named_as_conll_that_holds_no_tags_says_what_is_wrong(tmp_path):
    path = tmp_path / "a.conll"
    path.write_text("Ada slept well.\nIt was late.\n", "utf-8")
    with pytest.raises(UserError, match="no column of this file holds tags"):
        conll(path)
