"""What a user of OpenAI's client does, run by test_openai.py with the interpreter that has it; knows nothing of Noria.

openai_user.py URL KEY SOUND   prints what came back as JSON
"""

import asyncio
import json
import sys

import openai

URL, KEY, SOUND = sys.argv[1:]
TALK = [{"role": "user", "content": "What is a noria?"}]
WARM = {"temperature": 1.0, "seed": 3, "max_tokens": 12}
SCHEMA = {"type": "object", "properties": {"a": {"enum": ["b"]}}, "required": ["a"], "additionalProperties": False}
TEXTS = ["the wheel turns", "水车"]

client = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0)


def whole(found):
    """Return an answer; raise where a field is missing or of another type than the client's own types have."""
    type(found).model_validate(found.to_dict(exclude_unset=True))
    return found


def models():
    found = [whole(one) for one in client.models.list()]
    assert client.models.retrieve("chat").id == "chat"
    return sorted(one.id for one in found)


def chat():
    found = whole(client.chat.completions.create(model="chat", messages=TALK, logprobs=True, **WARM))
    assert found.usage.total_tokens == found.usage.prompt_tokens + found.usage.completion_tokens
    assert len(found.choices[0].logprobs.content) == found.usage.completion_tokens
    return found.choices[0].message.content


def chat_stream():
    options = {"include_usage": True}
    chunks = list(
        client.chat.completions.create(model="chat", messages=TALK, stream=True, stream_options=options, **WARM)
    )
    assert all(map(whole, chunks))
    assert chunks[-1].usage.completion_tokens > 0
    assert chunks[-2].choices[0].finish_reason in ("stop", "length")
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def chat_json():
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA, "strict": True}}
    found = client.chat.completions.create(model="chat", messages=TALK, response_format=form, max_tokens=64)
    return json.loads(found.choices[0].message.content)


def chats_side_by_side():
    async def ask():
        async with openai.AsyncOpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=4) as other:
            one = other.chat.completions.create
            asked = (one(model="chat", messages=TALK, **{**WARM, "seed": seed}) for seed in range(6))
            found = await asyncio.gather(*asked)
        return [each.choices[0].message.content for each in found]

    return asyncio.run(ask())


def completion():
    found = whole(client.completions.create(model="writer", prompt=["To be", "or"], logprobs=0, **WARM))
    assert found.choices[0].logprobs.text_offset[0] == 0
    pieces = client.completions.create(model="writer", prompt="To be", stream=True, **WARM)
    assert "".join(one.choices[0].text for one in pieces) == found.choices[0].text
    return [one.text for one in found.choices]


def response():
    asked = {"model": "chat", "input": "What is a noria?", "temperature": 1.0, "max_output_tokens": 12}
    said = whole(client.responses.create(**asked))
    assert said.output[0].type == "message"
    assert said.usage.output_tokens > 0
    assert all(map(whole, client.responses.create(**asked, stream=True)))
    with client.responses.stream(**asked) as events:
        found = list(events)
    kinds = [event.type for event in found]
    assert "".join(one.delta for one in found if one.type == "response.output_text.delta") == said.output_text
    assert found[-1].response.output_text == said.output_text
    assert kinds[0] == "response.created"
    assert "response.output_text.delta" in kinds
    return said.output_text


def embeddings():
    packed = client.embeddings.create(model="vectors", input=TEXTS)  # the client asks for base64 and unpacks it
    plain = whole(client.embeddings.create(model="vectors", input=TEXTS, encoding_format="float"))
    assert packed.usage.prompt_tokens == plain.usage.prompt_tokens > 0
    return [[one.embedding for one in found.data] for found in (packed, plain)]


def transcription():
    ask = client.audio.transcriptions.create
    with open(SOUND, "rb") as file:
        data = ("talk.wav", file.read())
    found = {form: ask(model="ears", file=data, response_format=form) for form in ("text", "srt", "vtt")}
    found["json"] = ask(model="ears", file=data).text
    parts = ["word", "segment"]
    verbose = whole(ask(model="ears", file=data, response_format="verbose_json", timestamp_granularities=parts))
    assert verbose.duration > 0
    found["words"] = [[one.word, one.start, one.end] for one in verbose.words]
    found["segments"] = [[one.start, one.end, one.text] for one in verbose.segments]
    found["streamed"] = list(ask(model="ears", file=data, stream=True))[-1].text
    return found


def speech():
    asked = {"model": "voice", "input": "aoi", "voice": "default"}
    with client.audio.speech.with_streaming_response.create(**asked, response_format="wav") as streamed:
        pieces = list(streamed.iter_bytes(1 << 20))
    wav = client.audio.speech.create(**asked, response_format="wav").content
    assert b"".join(pieces) == wav
    pcm = client.audio.speech.create(**asked, response_format="pcm").content
    assert wav.endswith(pcm)
    return [len(wav), len(pcm), wav[:4].decode()]


def errors():
    def of(call):
        try:
            call()
        except openai.APIStatusError as error:
            body = error.body if isinstance(error.body, dict) else {}
            return [type(error).__name__, error.status_code, body.get("param"), body.get("code")]
        return []

    stranger = openai.OpenAI(base_url=f"{URL}/v1", api_key="wrong", max_retries=0)
    picture = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://127.0.0.1:1/"}}]}]
    tools = [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}]
    ask = client.chat.completions.create
    return {
        "no model": of(lambda: ask(model="gpt-5", messages=TALK)),
        "no model to find": of(lambda: client.models.retrieve("a/b")),
        "wrong key": of(lambda: stranger.models.list()),
        "picture": of(lambda: ask(model="chat", messages=picture)),
        "tools": of(lambda: ask(model="chat", messages=TALK, tools=tools)),
        "not a chat": of(lambda: ask(model="writer", messages=TALK)),
        "mp3": of(lambda: client.audio.speech.create(model="voice", input="a", voice="default", response_format="mp3")),
        "streamed": of(lambda: list(ask(model="chat", messages=TALK, stream=True, n=10**6))),
    }


DONE = (models, chat, chat_stream, chat_json, chats_side_by_side, completion, response, embeddings, transcription)
print(json.dumps({one.__name__: one() for one in (*DONE, speech, errors)}))  # noqa: T201 (how it is heard)
