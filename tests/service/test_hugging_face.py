"""Hugging Face's payloads: the predictor's own answers, in the shapes that huggingface_hub's own classes have."""

from __future__ import annotations

import base64
import io
import json
import sys
from dataclasses import is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np
import pytest
from PIL import Image

from noria.contract import registry
from noria.pipeline.predictor import load
from noria.service.asking.operation import Reply, Said, View
from noria.service.dialects.hugging_face import LOOKUPS, OPERATIONS
from noria.service.dialects.hugging_face.tasks import payloads
from noria.service.request.inputs import inputs_of
from service.dialect import about_of, error_of, reply, request, view_of

GOLDEN = Path(__file__).parent.parent / "golden"
(ASK,) = OPERATIONS
WITHOUT = {  # tasks that Hugging Face has no payload for
    "chat", "knowledge-tracing", "molecule-generation", "molecule-properties", "molecule-property", "molecule-safety",
    "object-tracking",
    "rating-prediction", "sequential-recommendation", "series-classification", "similar-items", "tabular-multilabel",
    "top-recommendation", "user-profile", "voice-activity-detection", "voice-assistant",
}  # fmt: skip
SHAPES = {  # huggingface_hub's class of an answer, and how many lists stand around it
    "text-classification": ("TextClassificationOutputElement", 2),
    "image-classification": ("ImageClassificationOutputElement", 1),
    "audio-classification": ("AudioClassificationOutputElement", 1),
    "video-classification": ("VideoClassificationOutputElement", 1),
    "token-classification": ("TokenClassificationOutputElement", 1),
    "question-answering": ("QuestionAnsweringOutputElement", 0),
    "fill-mask": ("FillMaskOutputElement", 1),
    "object-detection": ("ObjectDetectionOutputElement", 1),
    "image-segmentation": ("ImageSegmentationOutputElement", 1),
    "automatic-speech-recognition": ("AutomaticSpeechRecognitionOutput", 0),
    "summarization": ("SummarizationOutput", 1),
    "translation": ("TranslationOutput", 1),
    "text-generation": ("TextGenerationOutput", 1),
    "audio-to-audio": ("AudioToAudioOutputElement", 1),
}


@pytest.fixture(scope="module")
def views():
    """A function: name of a task -> the golden model of it."""
    made: dict[str, View] = {}

    def view_for(task: str) -> View:
        if task not in made:
            made[task] = view_of(load(GOLDEN / task))
        return made[task]

    return view_for


def ask(view: View, inputs: Any = None, task: str | None = None, said: Said | None = None, **parameters: Any) -> Reply:
    """Send inputs as JSON, or as the bytes that they are."""
    path = {"model": "model"} | ({} if task is None else {"task": task})
    if isinstance(inputs, bytes):
        return reply(ASK, request(inputs, path, content_type="application/octet-stream"), view, said)
    body = {"inputs": inputs} | ({"parameters": parameters} if parameters else {})
    return reply(ASK, request(body, path), view, said)


def told(got: Reply) -> Any:
    assert got.status == 200, got.body
    return json.loads(got.body)


def example(view: View) -> Any:
    """Return an input of the model: a text, the bytes of a file, or the record."""
    inputs = inputs_of(view.predictor.bundle)
    if inputs[0].raw_type == "columns":
        return inputs[0].example
    if len(inputs) > 1:
        return {one.name: one.example for one in inputs}
    if inputs[0].raw_type == "cell":
        return inputs[0].example
    value = view.predictor.task.example().fields[inputs[0].name]
    return value if isinstance(value, bytes) else _file(value)


def _file(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    if array.dtype == np.uint8 and array.ndim < 4:
        Image.fromarray(array).save(buffer, "PNG")
    else:
        np.save(buffer, array)
    return buffer.getvalue()


def test_every_task_has_a_payload_or_is_known_to_have_none() -> None:
    built_in = set(registry.built_in("tasks"))
    assert set(payloads()) | WITHOUT == built_in
    assert not set(payloads()) & WITHOUT
    assert {one.task for own in payloads().values() for one in own} >= set(SHAPES)


@pytest.mark.parametrize("task", sorted(payloads()))
def test_answers_have_the_shape_that_clients_read(views, task) -> None:
    view = views(task)
    name = payloads()[task][0].task
    if name.startswith("tabular"):
        table = {key: [value, value] for key, value in example(view).items()}
        found = told(reply(ASK, request({"table": table, "parameters": {}}, {"model": "model"}), view))
        value = view.predictor.predict([{"table": example(view)}])[0].value
        assert found == [value, value]
        return
    got = ask(view, example(view))
    if name == "text-to-speech":
        assert got.status == 200
        assert got.headers["content-type"] == "audio/wav"
        assert got.body == view.predictor.predict([example(view)])[0].media.data
    elif name.endswith("feature-extraction"):
        record = {view.inputs[0].name: example(view)}
        assert told(got) == [view.predictor.predict([record])[0].value]
    else:
        check_shape(told(got), *SHAPES[name])


def check_shape(found: Any, name: str, depth: int) -> None:
    """Hold an answer against huggingface_hub's class, field by field: parsing itself accepts anything."""
    hub = pytest.importorskip("huggingface_hub", reason="needs huggingface_hub")
    rows = [found]
    for _ in range(depth):
        assert all(isinstance(row, list) for row in rows)
        rows = [one for row in rows for one in row]
    assert rows
    for row in rows:
        check_fields(getattr(hub, name).parse_obj_as_instance(row))


def check_fields(parsed: Any) -> None:
    module = vars(sys.modules[type(parsed).__module__])
    for field, hint in get_type_hints(type(parsed), module).items():
        value = getattr(parsed, field)
        if is_dataclass(value):
            check_fields(value)
        for one in value if isinstance(value, list) else []:
            if is_dataclass(one):
                check_fields(one)
        options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        allowed = tuple(get_origin(one) or one for one in options)
        assert Any in allowed or isinstance(value, allowed), (parsed, field, value)


def test_classes_are_those_of_the_predictor_and_the_best_come_first(views) -> None:
    view = views("text-classification")
    texts = ["a moving film", "dull"]
    for answer, row in zip(view.predictor.predict(texts), told(ask(view, texts)), strict=True):
        assert [(one["label"], one["score"]) for one in row] == list(answer.details["probabilities"].items())
    assert [len(row) for row in told(ask(view, texts, top_k=1))] == [1, 1]
    assert told(ask(view, "dull", function_to_apply="softmax")) == told(ask(view, "dull"))
    assert "softmax" in error_of(ask(view, "dull", function_to_apply="sigmoid"))
    several = views("text-multilabel")
    scores = [one["score"] for one in told(ask(several, "a moving film", function_to_apply="sigmoid"))[0]]
    assert scores == sorted(scores, reverse=True)
    assert "sigmoid" in error_of(ask(several, "dull", function_to_apply="none"))


def test_more_classes_than_a_model_tells_are_refused() -> None:
    from types import SimpleNamespace

    from noria.service.dialects.hugging_face.classification import classes_of
    from noria.service.request.http_error import HTTPError
    from noria.targets.label import Label
    from noria.types import Prediction

    state = {"classes": list("abcdefg")}
    predictor = SimpleNamespace(task=SimpleNamespace(target=Label()), states={"target": state})
    answer = Prediction("a", 0.9, {"probabilities": dict.fromkeys("abcde", 0.1)})
    assert len(classes_of(answer, 5, SimpleNamespace(predictor=predictor))) == 5  # type: ignore[arg-type]
    for asked in (6, 100):
        with pytest.raises(HTTPError, match="at most 5"):
            classes_of(answer, asked, SimpleNamespace(predictor=predictor))  # type: ignore[arg-type]


def test_a_file_is_sent_as_its_bytes_or_as_base64(views) -> None:
    view = views("image-classification")
    picture = example(view)
    expected = told(ask(view, picture))
    assert told(ask(view, base64.b64encode(picture).decode())) == expected
    assert told(ask(view, base64.b64encode(picture).decode(), top_k=2)) == expected[:2]
    assert "never fetched" in error_of(ask(view, "http://127.0.0.1/x.png"))
    refused = ask(view, "http://127.0.0.1/x.png")
    assert json.loads(refused.body)["param"] == "inputs"
    assert ask(views("text-classification"), b"a film").status == 415


def test_names_in_a_text_are_stretches_of_it(views) -> None:
    view = views("token-classification")
    text = "Ada went to Hama."
    answer = view.predictor.predict([text])[0].value
    found = told(ask(view, text))
    assert [text[one["start"] : one["end"]] for one in found] == [one["word"] for one in found]
    assert [(one["entity_group"], one["score"]) for one in found] == [
        (one["label"], one["confidence"]) for one in answer
    ]
    assert told(ask(view, [text, text], aggregation_strategy="simple")) == [found, found]
    left = told(ask(view, text, ignore_labels=["person"]))
    assert left == [one for one in found if one["entity_group"] != "person"]
    for strategy in ("none", "first", "average", "max"):
        assert "simple" in error_of(ask(view, text, aggregation_strategy=strategy))
    assert "stride" in error_of(ask(view, text, stride=8))


def test_an_answer_stands_in_its_context_or_there_is_none(views) -> None:
    view = views("question-answering")
    found = told(ask(view, {"question": "Who?", "context": "Ada went home. " * 3}, handle_impossible_answer=True))
    assert found["answer"] == ""
    assert found["start"] == found["end"] == 0
    record = example(view)
    answer = view.predictor.predict([record])[0]
    got = told(ask(view, record, top_k=1))
    assert (got["answer"], got["score"]) == (answer.value, answer.confidence)
    assert record["context"][got["start"] : got["end"]] == got["answer"]
    assert "top_k" in error_of(ask(view, record, top_k=2))
    assert "handle_impossible_answer" in error_of(ask(view, record, handle_impossible_answer=False))
    assert "doc_stride" in error_of(ask(view, record, doc_stride=128))
    assert "context" in error_of(ask(view, {"question": "Who?"}))
    assert "object" in error_of(ask(view, "Who?"))


def test_hidden_words_are_filled_in_one_by_one(views) -> None:
    view = views("masked-language-modelling")
    text = "To be, or not to [MASK]."
    masks = view.predictor.predict([text])[0].details["masks"][0]
    found = told(ask(view, text))
    assert [one["score"] for one in found] == [one["probability"] for one in masks]
    assert [one["token"] for one in found] == [one["id"] for one in masks]
    assert found[0]["sequence"] == view.predictor.predict([text])[0].value
    assert all(one["sequence"].startswith("To be, or not to ") and one["sequence"].endswith(".") for one in found)
    assert len(told(ask(view, text, top_k=2))) == 2
    two = told(ask(view, "A [MASK] is a [MASK]."))
    assert len(two) == 2
    assert two[1][0]["sequence"].startswith("A [MASK] is a ")
    assert len(told(ask(view, [text, text]))) == 2
    assert "no [MASK]" in error_of(ask(view, "nothing is hidden"))
    for parameters in ({"top_k": 6}, {"targets": ["be"]}):
        assert ask(view, text, **parameters).status == 400


def test_a_word_whose_token_begins_with_its_space_is_put_in_with_one_space() -> None:
    from noria.service.dialects.hugging_face.texts import _filled
    from noria.types import Prediction

    mask = [{"token": " be", "id": 7, "probability": 0.5}, {"token": "!", "id": 8, "probability": 0.1}]
    found = _filled("not to [MASK].", Prediction("not to be.", 0.5, {"masks": [mask]}), None)
    assert [one["sequence"] for one in found] == ["not to be.", "not to!."]


def test_boxes_are_whole_pixels_and_a_threshold_leaves_out_more(views) -> None:
    view = views("object-detection")
    picture = example(view)
    answer = view.predictor.predict([{"image": picture}])[0].value
    found = told(ask(view, picture))
    assert [one["score"] for one in found] == [one["confidence"] for one in answer]
    assert [list(one["box"].values()) for one in found] == [[round(side) for side in one["box"]] for one in answer]
    middle = sorted(one["score"] for one in found)[len(found) // 2]
    kept = told(ask(view, base64.b64encode(picture).decode(), threshold=middle))
    assert kept == [one for one in found if one["score"] >= middle] != found


def test_masks_are_as_large_as_the_picture_and_part_it(views) -> None:
    view = views("semantic-segmentation")
    picture = _file(np.random.default_rng(0).integers(0, 255, (90, 70, 3)).astype(np.uint8))
    found = told(ask(view, picture))
    masks = [np.asarray(Image.open(io.BytesIO(base64.b64decode(one["mask"])))) for one in found]
    assert all(mask.shape == (90, 70) for mask in masks)
    assert (sum(mask.astype(int) for mask in masks) == 255).all()
    as_text = base64.b64encode(picture).decode()
    assert told(ask(view, as_text, subtask="semantic")) == found
    assert ask(view, as_text, subtask="panoptic").status == 400
    assert "threshold" in error_of(ask(view, as_text, threshold=0.5))


def test_words_have_times_where_the_model_tells_them(views) -> None:
    view = views("speech-recognition")
    sound = example(view)
    answer = view.predictor.predict([{"audio": sound}])[0]
    assert told(ask(view, sound)) == {"text": answer.value}
    found = told(ask(view, base64.b64encode(sound).decode(), return_timestamps=True))
    words = answer.details["words"]
    assert found["chunks"] == [{"text": one["text"], "timestamp": [one["start_s"], one["end_s"]]} for one in words]
    as_text = base64.b64encode(example(views("speech-to-text"))).decode()
    assert "when a word is said" in error_of(ask(views("speech-to-text"), as_text, return_timestamps=True))
    short = told(ask(views("speech-to-text"), as_text, generation_parameters={"max_new_tokens": 1}))
    assert len(short["text"]) <= 1
    assert ask(view, base64.b64encode(sound).decode(), generation_parameters={"num_beams": 1}).status == 400


@pytest.mark.parametrize(("task", "field"), [("summarization", "summary_text"), ("translation", "translation_text")])
def test_texts_are_written_as_the_job_says_or_as_parameters_do(views, task, field) -> None:
    view = views(task)
    texts = ["A dog runs.", "A bird sings."]
    assert told(ask(view, texts)) == [{field: one.value} for one in view.predictor.predict(texts)]
    greedy = "".join(str(one.content) for one in view.predictor.stream(texts[0], max_tokens=2))
    assert told(ask(view, texts[0], generate_parameters={"max_new_tokens": 2})) == [{field: greedy}]
    many = {"generate_parameters": {"max_new_tokens": 2}}
    assert "at most" in error_of(ask(view, ["a"] * (view.limits.streams + 1), **many))
    for parameters in (
        {"src_lang": "en"},
        {"generate_parameters": {"num_beams": 4}},
        {"generate_parameters": {"x": 1}},
    ):
        assert ask(view, texts[0], **parameters).status == 400
    assert ask(view, "word " * 4000, truncation="do_not_truncate").status == 400
    assert ask(view, "word " * 4000, truncation="longest_first").status == 200


def test_a_text_goes_on_as_the_predictors_does(views) -> None:
    view = views("text-generation")
    settings = {"max_tokens": 6, "temperature": 0.9, "seed": 3}
    text = "".join(str(one.content) for one in view.predictor.stream("To be", **settings))
    parameters = {"max_new_tokens": 6, "temperature": 0.9, "seed": 3, "do_sample": True, "details": False}
    assert told(ask(view, "To be", **parameters)) == [{"generated_text": text}]
    assert told(ask(view, "To be", **parameters, return_full_text=True)) == [{"generated_text": f"To be{text}"}]
    body = {"inputs": "To be", "parameters": parameters, "stream": True}
    got = reply(ASK, request(body, {"model": "model"}), view)
    events = [json.loads(line.removeprefix("data:")) for line in got.body.decode().split("\n") if line]
    assert "".join(one["token"]["text"] for one in events) == events[-1]["generated_text"] == text
    assert events[-1]["details"]["finish_reason"] in ("length", "eos_token")
    limit = view.limits.answer_tokens + 1
    for wrong in ({"details": True}, {"best_of": 2}, {"truncate": 5}, {"max_new_tokens": limit}, {"top_n_tokens": 2}):
        assert ask(view, "To be", **wrong).status == 400, wrong
    assert ask(view, "To be", grammar={"type": "regex", "value": {}}).status == 400


def test_a_number_is_drawn_by_do_sample_and_not_without(views) -> None:
    view = views("text-generation")
    read = ASK.read(request({"inputs": "a", "parameters": {"do_sample": False, "temperature": 0.7}}), view)
    assert read.settings == [{"temperature": 0.0}]
    read = ASK.read(request({"inputs": "a", "parameters": {"do_sample": True}}), view)
    assert read.settings == [{"temperature": 1.0}]
    grammar = {"type": "json", "value": {"type": "object"}}
    read = ASK.read(request({"inputs": "a", "parameters": {"grammar": grammar, "stop": ["."]}}), view)
    assert read.settings == [{"stop": ["."], "json_schema": {"type": "object"}}]


def test_vectors_have_length_one_and_tell_how_alike_texts_are(views) -> None:
    view = views("text-embedding")
    texts = ["A dog runs.", "A bird sings.", "A dog runs."]
    vectors = np.array(told(ask(view, texts, "feature-extraction")))
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    body = {"source_sentence": texts[0], "sentences": texts[1:]}
    found = told(ask(view, body, "sentence-similarity"))
    assert np.allclose(found, vectors[1:] @ vectors[0], atol=1e-5)
    assert found[1] == pytest.approx(1, abs=1e-5)
    for wrong in ({"normalize": False}, {"prompt_name": "query"}, {"truncation_direction": "left"}):
        assert reply(ASK, request({"inputs": "a", **wrong}, {"model": "model"}), view).status == 400
    whole = {"inputs": "word " * 9000, "truncate": False}
    assert reply(ASK, request(whole, {"model": "model"}), view).status == 400


@pytest.mark.parametrize(
    "table", [None, [], {}, {"age": "63"}, {"age": []}, {"age": ["1"], "sex": ["1", "2"]}, {"age": ["1"]}]
)
def test_a_table_that_is_none_is_refused(views, table) -> None:
    view = views("tabular-classification")
    assert reply(ASK, request({"table": table}, {"model": "model"}), view).status == 400


@pytest.mark.parametrize("inputs", [None, 3, [], ["a", 3], {"text": "a"}, ["a"] * 1025])
def test_inputs_that_are_no_texts_are_refused(views, inputs) -> None:
    got = ask(views("text-classification"), inputs)
    assert got.status == 400
    assert json.loads(got.body)["param"] == "inputs"


def test_unknown_fields_and_tasks_are_refused_and_options_change_nothing(views) -> None:
    view = views("text-classification")
    body = {"inputs": "a", "options": {"wait_for_model": True}}
    assert reply(ASK, request(body, {"model": "model"}), view).status == 200
    assert "stream" in error_of(reply(ASK, request({**body, "stream": True}, {"model": "model"}), view))
    assert "candidate_labels" in error_of(ask(view, "a", candidate_labels=["x"]))
    assert ask(view, "a", "summarization").status == 404
    assert not ASK.is_offered(views("chat"))


def test_what_is_to_be_said_of_records_stands_in_a_header(views) -> None:
    got = ask(views("text-classification"), "a", said=Said(not_read=["cut at 3 – 水"]))
    assert json.loads(got.headers["x-noria-not-read"]) == ["cut at 3 – 水"]
    assert got.headers["x-noria-not-read"].isascii()


def test_lookups_tell_tasks_and_health(views) -> None:
    view = views("text-embedding")
    info, health = LOOKUPS
    asked = request(path={"model": "model"})
    about = about_of(view, *OPERATIONS)
    assert told(info.answer(asked, [about]))["pipeline_tags"] == ["feature-extraction", "sentence-similarity"]
    assert health.answer(asked, [about]).status == 200
    assert health.answer(asked, [about_of(view, is_ready=False)]).status == 503
