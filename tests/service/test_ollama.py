"""Ollama's way of asking: answers are the predictor's own, in lines of JSON; what is not there is said."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from noria.pipeline.predictor import load
from noria.service.asking.operation import Lookup, Operation, Reply, Said, View
from noria.service.dialects.ollama import LOOKUPS, OPERATIONS
from noria.service.dialects.ollama.chat import MessageWriter
from noria.service.dialects.ollama.writing import Wanted
from noria.service.dialects.openai.tools import Tools
from noria.service.request.http_error import HTTPError
from noria.service.request.limits import Limits
from noria.text.chat_template import CALL, CALL_END
from noria.types import Chunk
from service.dialect import about_of, error_of, reply, request, view_of

GOLDEN = Path(__file__).parent.parent / "golden"
CHAT, GENERATE, EMBED = OPERATIONS
SAID = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is a noria?"}]
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


@pytest.fixture(scope="module")
def views():
    """A function: name of a task -> the golden model of it."""
    made: dict[str, View] = {}

    def view_for(task: str) -> View:
        if task not in made:
            made[task] = view_of(load(GOLDEN / task))
        return made[task]

    return view_for


def lookup(name: str) -> Lookup:
    return next(one for one in LOOKUPS if one.name == f"ollama.{name}")


def ask(operation: Operation, view: View, **body: Any) -> Reply:
    return reply(operation, request({"model": "model", **body}), view)


def lines(got: Reply) -> list[dict[str, Any]]:
    assert got.status == 200, got.body
    return [json.loads(line) for line in got.body.splitlines()]


def written(view: View, record: Any, **settings: Any) -> str:
    return "".join(str(one.content) for one in view.predictor.stream(record, **settings))


def test_a_text_goes_on_as_the_predictors_does_in_lines_and_whole(views) -> None:
    view = views("text-generation")
    options = {"num_predict": 6, "temperature": 0.9, "seed": 3, "top_k": 5, "top_p": 0.9, "stop": ["zzz"]}
    settings = {"max_tokens": 6, "temperature": 0.9, "seed": 3, "top_k": 5, "top_p": 0.9, "stop": ["zzz"]}
    expected = written(view, "To be", **settings)
    *pieces, last = lines(ask(GENERATE, view, prompt="To be", options=options))
    assert "".join(one["response"] for one in pieces) == expected
    assert not any(one["done"] for one in pieces)
    assert (last["response"], last["done"], last["done_reason"]) == ("", True, "length")
    assert last["eval_count"] == 6
    assert last["prompt_eval_count"] == 3
    for name in ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration"):
        assert isinstance(last[name], int)
    (whole,) = lines(ask(GENERATE, view, prompt="To be", options=options, stream=False))
    assert whole["response"] == expected
    assert (whole["model"], whole["done_reason"], whole["eval_count"]) == ("model", "length", 6)
    datetime.fromisoformat(whole["created_at"])


@pytest.mark.parametrize("task", ["translation", "summarization"])
def test_a_model_that_answers_a_text_with_a_text_can_be_asked(views, task) -> None:
    view = views(task)
    (whole,) = lines(ask(GENERATE, view, prompt="A dog runs.", stream=False, options={"num_predict": 3}))
    assert whole["response"] == written(view, "A dog runs.", max_tokens=3)
    assert not CHAT.is_offered(view)
    assert "system" in error_of(ask(GENERATE, view, prompt="A dog", system="Be brief."))
    assert ask(GENERATE, view, prompt="A dog", raw=True).status == 200


def test_a_conversation_is_answered_by_chat_and_by_generate(views) -> None:
    view = views("chat")
    expected = written(view, {"messages": SAID}, max_tokens=5)
    options = {"num_predict": 5}
    *pieces, last = lines(ask(CHAT, view, messages=SAID, options=options))
    assert "".join(one["message"]["content"] for one in pieces) == expected
    assert last["message"] == {"role": "assistant", "content": ""}
    (whole,) = lines(ask(CHAT, view, messages=SAID, options=options, stream=False))
    assert whole["message"] == {"role": "assistant", "content": expected}
    system, prompt = (one["content"] for one in SAID)
    (same,) = lines(ask(GENERATE, view, prompt=prompt, system=system, options=options, stream=False))
    assert same["response"] == expected


def test_the_probabilities_of_tokens_are_told_with_the_last_line(views) -> None:
    view = views("text-generation")
    (whole,) = lines(ask(GENERATE, view, prompt="To be", stream=False, logprobs=True, options={"num_predict": 4}))
    assert "".join(one["token"] for one in whole["logprobs"]) == whole["response"]
    assert all(one["logprob"] <= 0 for one in whole["logprobs"])
    assert "top_logprobs" in error_of(ask(GENERATE, view, prompt="To be", logprobs=True, top_logprobs=2))


@pytest.mark.parametrize(
    ("form", "schema"),
    [("json", {"type": "object"}), ({"type": "string"}, {"type": "string"}), ("", None), (None, None)],
)
def test_a_format_is_a_schema_that_the_answer_matches(views, form, schema) -> None:
    for operation, body in ((GENERATE, {"prompt": "a"}), (CHAT, {"messages": SAID})):
        asked = operation.read(request({"model": "m", "format": form, **body}), views("chat"))
        assert asked.settings == [{"json_schema": schema} if schema else {}]


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ({"num_predict": -1}, {"max_tokens": Limits().answer_tokens}),
        ({"top_k": 0, "top_p": 0}, {"temperature": 0}),
        ({"min_p": 0.1, "repeat_penalty": 1.2}, {"min_p": 0.1, "repetition_penalty": 1.2}),
        ({"num_ctx": 64, "num_gpu": 1, "num_thread": 4, "mirostat": 0, "frequency_penalty": 0.0}, {}),
    ],
)
def test_options_are_settings_or_change_nothing(views, options, settings) -> None:
    asked = GENERATE.read(request({"model": "m", "prompt": "a", "options": options}), views("chat"))
    assert asked.settings == [settings]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"options": {"num_predict": 0}}, "num_predict"),
        ({"options": {"num_predict": 10**6}}, "num_predict"),
        ({"options": {"num_ctx": 10**6}}, "what the model reads"),
        ({"options": {"mirostat": 2}}, "mirostat"),
        ({"options": {"presence_penalty": 0.5}}, "presence_penalty"),
        ({"options": {"temprature": 0.5}}, "temperature"),
        ({"options": {"seed": -1}}, "seed"),
        ({"options": []}, "options"),
        ({"format": "xml"}, "format"),
        ({"think": True}, "think"),
        ({"think": "high"}, "think"),
        ({"images": ["aGk="]}, "images"),
        ({"suffix": "end"}, "suffix"),
        ({"template": "{{ .Prompt }}"}, "template"),
        ({"context": [1, 2]}, "context"),
        ({"raw": True}, "raw"),
        ({"prompt": 3}, "prompt"),
        ({"stream": "no"}, "stream"),
        ({"model": None}, "model"),
        ({"prompt": "word " * 3000}, "too long"),
    ],
)
def test_what_is_not_there_is_refused_by_name(views, wrong, message) -> None:
    got = ask(GENERATE, views("chat"), **{"prompt": "a", **wrong})
    assert got.status in (400, 413)
    assert message in error_of(got)
    assert list(json.loads(got.body)) == ["error"]


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ([{"role": "bot", "content": "a"}], "role"),
        ([{"content": "a"}], "role"),
        ([{"role": "user"}], "content"),
        ([{"role": "user", "content": ["a"]}], "content"),
        ([{"role": "user", "content": "a", "images": ["aGk="]}], "images"),
        (["a"], "object"),
        ("a", "list"),
    ],
)
def test_messages_that_are_none_are_refused(views, messages, message) -> None:
    assert message in error_of(ask(CHAT, views("chat"), messages=messages))


def test_tools_are_refused_where_the_template_has_no_place_for_them(views) -> None:
    assert "tools" in error_of(ask(CHAT, views("chat"), messages=SAID, tools=[TOOL]))
    assert ask(CHAT, views("chat"), messages=SAID, tools=[], options={"num_predict": 1}).status == 200


def test_calls_of_tools_come_as_messages() -> None:
    writer = MessageWriter(Wanted("m"), Tools((TOOL,)))
    call = json.dumps({"name": "look", "arguments": {"at": "it"}})
    sent = writer.begin([3]) + b"".join(writer.piece(0, Chunk(one)) for one in ("Wait.", CALL, call, CALL_END))
    sent += writer.piece(0, Chunk("", "end"))
    messages = [json.loads(line)["message"] for line in sent.splitlines()]
    assert messages == [
        {"role": "assistant", "content": "Wait."},
        {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "look", "arguments": {"at": "it"}}}]},
        {"role": "assistant", "content": ""},
    ]


def test_earlier_calls_become_what_templates_read(views, monkeypatch) -> None:
    called = {"role": "assistant", "tool_calls": [{"function": {"name": "look", "arguments": {"at": "it"}}}]}
    messages = [*SAID, called, {"role": "tool", "content": "wet", "tool_name": "look"}]
    assert "tools" in error_of(ask(CHAT, views("chat"), messages=messages))  # the template of this one has no place


@pytest.mark.parametrize(("keep_alive", "reason"), [(None, "load"), ("5m", "load"), (0, "unload")])
def test_a_request_without_anything_to_answer_is_told_that_the_model_is_loaded(views, keep_alive, reason) -> None:
    more = {} if keep_alive is None else {"keep_alive": keep_alive}
    (got,) = lines(ask(GENERATE, views("text-generation"), **more))
    assert (got["done"], got["done_reason"], got["response"]) == (True, reason, "")
    (got,) = lines(ask(CHAT, views("chat"), messages=[], **more))
    assert (got["done"], got["done_reason"], got["message"]["content"]) == (True, reason, "")


def test_vectors_are_those_of_the_predictor(views) -> None:
    view = views("text-embedding")
    texts = ["A dog runs.", "A bird sings."]
    expected = [one.value for one in view.predictor.predict(texts)]
    (got,) = lines(ask(EMBED, view, input=texts))
    assert got["embeddings"] == expected
    (got,) = lines(ask(EMBED, view, input=texts[0], dimensions=len(expected[0]), options={"num_thread": 1}))
    assert got["embeddings"] == expected[:1]
    (got,) = lines(ask(EMBED, view, prompt=texts[0]))
    assert got == {"embedding": expected[0]}
    (got,) = lines(reply(EMBED, request({"model": "m", "input": "a"}), view, Said(not_read=["cut"])))
    assert got["not_read"] == ["cut"]
    for wrong in ({"input": []}, {"input": 3}, {"input": "a", "dimensions": 3}, {}, {"input": "a", "format": "x"}):
        assert ask(EMBED, view, **wrong).status == 400
    assert ask(EMBED, view, input="word " * 9000).status == 200
    assert ask(EMBED, view, input="word " * 9000, truncate=False).status == 400


def test_only_models_that_can_be_asked_are_listed(views) -> None:
    chat, other = views("chat"), views("text-classification")
    models = [about_of(one, *OPERATIONS) for one in (chat, other)]
    assert not any(one.is_offered(other) for one in OPERATIONS)
    (row,) = json.loads(lookup("tags").answer(request(), models).body)["models"]
    assert row["name"] == row["model"] == "model:latest"
    assert row["size"] > 0
    assert row["details"]["family"] == "chat"
    datetime.fromisoformat(row["modified_at"])
    assert len(json.loads(lookup("ps").answer(request(), models).body)["models"]) == 1
    asleep = about_of(chat, *OPERATIONS, is_ready=False)
    assert json.loads(lookup("ps").answer(request(), [asleep]).body)["models"] == []


@pytest.mark.parametrize(
    ("task", "capabilities"),
    [("chat", ["completion"]), ("text-embedding", ["embedding"]), ("translation", ["completion"])],
)
def test_a_model_says_what_it_can(views, task, capabilities) -> None:
    models = [about_of(views(task), *OPERATIONS)]
    for asked in ({"model": "model"}, {"model": "model:latest"}, {"name": "model"}):
        told = json.loads(lookup("show").answer(request(asked), models).body)
        assert told["capabilities"] == capabilities
        assert told["model_info"]["general.parameter_count"] > 0


@pytest.mark.parametrize(("body", "status"), [({"model": "other"}, 404), ({}, 400), ([], 400), ({"model": 3}, 400)])
def test_a_model_that_is_not_there_is_not_found(views, body, status) -> None:
    with pytest.raises(HTTPError) as refused:
        lookup("show").answer(request(body), [about_of(views("chat"), *OPERATIONS)])
    assert refused.value.status == status
    assert isinstance(json.loads(lookup("show").refusal(refused.value).body)["error"], str)


@pytest.mark.parametrize(
    ("body", "name"), [({"model": "a"}, "a"), ({"model": "a:latest"}, "a"), ({}, None), ({"model": 3}, None)]
)
def test_the_model_is_found_by_its_name_with_or_without_a_tag(body, name) -> None:
    assert GENERATE.model_of(request(body), Limits()) == name
    assert GENERATE.model_of(request(b"\xff{"), Limits()) is None


def test_a_body_may_come_as_curl_sends_it_unless_it_is_told_otherwise(views) -> None:
    body = json.dumps({"model": "m", "prompt": "a", "stream": False, "options": {"num_predict": 1}}).encode()
    for kind, status in (("application/x-www-form-urlencoded", 200), ("", 200), ("text/plain", 415)):
        assert reply(GENERATE, request(body, content_type=kind), views("chat")).status == status


def test_models_are_not_changed() -> None:
    with pytest.raises(HTTPError) as refused:
        lookup("not_offered").answer(request({"model": "x"}), [])
    assert refused.value.status == 501


def test_an_answer_that_breaks_off_ends_with_a_line_that_says_why(views) -> None:
    from noria.errors import UserError

    error = HTTPError(UserError("the model died"), code="died")
    assert json.loads(GENERATE.broken_off(error, "application/x-ndjson")) == {"error": "the model died"}
    asked = GENERATE.read(request({"model": "m", "prompt": "a"}), views("chat"))
    assert json.loads(GENERATE.writer(asked, views("chat")).error(error) or b"") == {"error": "the model died"}
