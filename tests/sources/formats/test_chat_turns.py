"""Conversations: one record an answer, in each of the forms they are written in; broken ones are named."""

import json

import pytest

from noria.errors import UserError
from noria.sources.formats.chat_turns import chat_turns

USER, REPLY = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}
MORE, LAST = {"role": "user", "content": "How are you?"}, {"role": "assistant", "content": "Well."}
TURNS = [([USER], "Hello!", "Hi"), ([USER, REPLY, MORE], "Well.", "Hi")]


def lines(folder, *records):
    path = folder / "chat.jsonl"
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), "utf-8")
    return path


def shared_gpt(messages):
    names = {"user": "human", "assistant": "gpt", "system": "system"}
    return {"conversations": [{"from": names[one["role"]], "value": one["content"]} for one in messages]}


@pytest.mark.parametrize("form", [lambda messages: {"messages": messages}, shared_gpt])
def test_each_answer_is_a_record_with_what_was_said_before(tmp_path, read_all, form):
    source = chat_turns(lines(tmp_path, form([USER, REPLY, MORE, LAST])))
    assert source.columns == ["messages", "text", "opening", "conversation"]
    records, bad = read_all(source)
    assert [values[:3] for _, _, values in records] == TURNS
    assert [where for where, _, _ in records] == ["chat.jsonl:1"] * 2
    assert bad == []


def test_a_list_of_conversations_in_one_json_file_is_read_the_same_way(tmp_path, read_all):
    path = tmp_path / "chat.json"
    path.write_text(json.dumps([{"id": 7, "messages": [USER, REPLY, MORE, LAST]}], indent=1), "utf-8")
    assert [values[:3] for _, _, values in read_all(chat_turns(path))[0]] == TURNS


def test_an_instruction_with_and_without_input_is_a_conversation_of_one_answer(tmp_path, read_all):
    path = lines(
        tmp_path,
        {"instruction": "翻译", "input": "hello", "output": "你好"},
        {"instruction": "Count to two.", "input": "", "output": "1, 2"},
    )
    assert [(values[0][0]["content"], values[1]) for _, _, values in read_all(chat_turns(path))[0]] == [
        ("翻译\n\nhello", "你好"),
        ("Count to two.", "1, 2"),
    ]


def test_system_messages_and_greetings_are_said_before_and_are_no_answers(tmp_path, read_all):
    system, greeting = {"role": "system", "content": "Be brief."}, {"role": "assistant", "content": "Welcome."}
    records, _ = read_all(chat_turns(lines(tmp_path, {"messages": [system, greeting, USER, REPLY]})))
    assert [values[:3] for _, _, values in records] == [([system, greeting, USER], "Hello!", "Hi")]


def test_content_in_parts_of_text_is_one_text(tmp_path, read_all):
    parts = [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo!"}]
    path = lines(tmp_path, {"messages": [USER, {"role": "assistant", "content": parts}]})
    assert read_all(chat_turns(path))[0][0][2][1] == "Hello!"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"messages": []}, "no answer of the assistant"),
        ({"messages": None}, "messages is missing"),
        ({"messages": [USER]}, "no answer of the assistant"),
        ({"messages": [REPLY]}, "no answer of the assistant"),
        ({"messages": "Hi"}, "expected a list of messages, found str"),
        ({"messages": [USER, "Hello!"]}, "message 2 is no object"),
        ({"messages": [USER, {"content": "Hello!"}]}, "message 2 has no role"),
        ({"messages": [USER, {"role": "king", "content": "Hello!"}]}, "message 2 has the unknown role 'king'"),
        ({"messages": [USER, {"role": ["user"], "content": "Hello!"}]}, "message 2 has the unknown role"),
        ({"messages": [USER, {"role": "assistant", "content": None}]}, "message 2 has no text"),
        ({"messages": [USER, {"role": "assistant", "content": " "}]}, "message 2, of the assistant, is blank"),
        ({"messages": [USER, {"role": "assistant", "content": [{"type": "image"}]}]}, "message 2 has no text"),
    ],
)
def test_a_conversation_that_is_not_whole_is_bad_by_line_and_the_rest_is_read(tmp_path, read_all, record, reason):
    whole = {"messages": [USER, REPLY]}
    records, bad = read_all(chat_turns(lines(tmp_path, whole, record, whole)))
    assert [where for where, _, _ in records] == ["chat.jsonl:1", "chat.jsonl:3"]
    assert [flaw.where for flaw in bad] == ["chat.jsonl:2"]
    assert reason in bad[0].reason


def test_an_instruction_without_its_answer_is_bad(tmp_path, read_all):
    path = lines(tmp_path, {"instruction": "a", "output": "b"}, {"instruction": "a"}, {"output": "b"})
    records, bad = read_all(chat_turns(path))
    assert len(records) == 1
    assert [flaw.reason for flaw in bad] == ["output is missing", "messages is missing"]


def test_what_holds_no_conversation_is_left_to_the_other_readers(tmp_path):
    assert chat_turns(lines(tmp_path, {"text": "Hi"})) is None
    assert chat_turns(lines(tmp_path, {"messages": [USER], "text": "Hello!"})) is None
    with pytest.raises(UserError, match="no such file"):
        chat_turns(tmp_path / "none.jsonl")


def test_the_answers_of_one_conversation_belong_together_by_what_is_said_or_by_its_name(tmp_path, read_all):
    talks = [{"messages": [USER, REPLY, MORE, LAST], "source": "a"}, {"messages": [USER, LAST], "source": "b"}]
    source = chat_turns(lines(tmp_path, *talks))
    assert source.groups() == ("conversation",)
    records, _ = read_all(source)
    names = [values[source.columns.index("conversation")] for _, _, values in records]
    assert names[0] == names[1] != names[2]
    assert [values[source.columns.index("source")] for _, _, values in records] == ["a", "a", "b"]

    source = chat_turns(lines(tmp_path, *({**one, "conversation_id": 7} for one in talks)))
    records, _ = read_all(source)
    assert {values[source.columns.index("conversation")] for _, _, values in records} == {"7"}


SYSTEM = {"role": "system", "content": "Be kind"}


def test_earlier_turns_and_a_system_beside_an_instruction_are_said_before(tmp_path, read_all):
    record = {
        "system": "Be kind",
        "history": [["Hi", "Hello!"]],
        "instruction": "How are you?",
        "input": "",
        "output": "Well.",
    }
    assert [values[:2] for _, _, values in read_all(chat_turns(lines(tmp_path, record)))[0]] == [
        ([SYSTEM, USER], "Hello!"),
        ([SYSTEM, USER, REPLY, MORE], "Well."),
    ]


def test_a_system_beside_a_conversation_is_said_before(tmp_path, read_all):
    record = {"system": "Be kind", **shared_gpt([USER, REPLY])}
    assert [values[:2] for _, _, values in read_all(chat_turns(lines(tmp_path, record)))[0]] == [
        ([SYSTEM, USER], "Hello!")
    ]


def test_an_answer_of_no_weight_is_said_and_not_learnt(tmp_path, read_all):
    record = {"messages": [USER, {**REPLY, "weight": 0}, MORE, LAST]}
    assert [values[:2] for _, _, values in read_all(chat_turns(lines(tmp_path, record)))[0]] == [
        ([USER, REPLY, MORE], "Well.")
    ]


@pytest.mark.parametrize("history", ["Hi", [["Hi"]], [["Hi", 7]]])
def test_earlier_turns_that_are_none_are_bad(tmp_path, read_all, history):
    record = {"history": history, "instruction": "Hi", "output": "Hello!"}
    source = chat_turns(lines(tmp_path, {"instruction": "Hi", "output": "Hello!"}, record))
    assert [one.reason for one in read_all(source)[1]] == ["history is no list of pairs of texts"]
