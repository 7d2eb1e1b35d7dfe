"""What a user of OpenAI's client does with batches; run by test_openai.py. openai_batches.py URL KEY FOLDER"""

import json
import sys
import time
from pathlib import Path

import openai

URL, KEY, FOLDER = sys.argv[1:]
TALK = [{"role": "user", "content": "What is a noria?"}]
TEXTS = ["the wheel turns", "水车"]
client = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0)


def whole(found):
    """Return an answer; raise where a field is missing or of another type than the client's own types have."""
    type(found).model_validate(found.to_dict(exclude_unset=True))
    return found


def written(name, url, bodies):
    lines = [{"custom_id": str(i), "method": "POST", "url": url, "body": body} for i, body in enumerate(bodies)]
    path = Path(FOLDER) / name
    path.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    with path.open("rb") as file:
        return whole(client.files.create(file=file, purpose="batch"))


def ran(name, url, bodies):
    """Return the answers by their custom ids, and the batch."""
    file = written(name, url, bodies)
    batch = whole(
        client.batches.create(input_file_id=file.id, endpoint=url, completion_window="24h", metadata={"name": name})
    )
    end = time.monotonic() + 120
    while batch.status not in ("completed", "failed", "expired", "cancelled"):
        assert time.monotonic() < end, batch
        time.sleep(0.1)
        batch = whole(client.batches.retrieve(batch.id))
    found = {}
    for output in filter(None, (batch.output_file_id, batch.error_file_id)):
        assert whole(client.files.retrieve(output)).purpose == "batch_output"
        for line in client.files.content(output).text.splitlines():
            one = json.loads(line)
            found[one["custom_id"]] = one["response"]
    return found, batch


def chat():
    bodies = [
        {"model": "chat", "messages": TALK, "temperature": 1.0, "seed": seed, "max_tokens": 12} for seed in range(6)
    ]
    found, batch = ran("chat.jsonl", "/v1/chat/completions", [*bodies, {"model": "chat", "messages": []}])
    assert (batch.status, batch.request_counts.completed, batch.request_counts.failed) == ("completed", 6, 1)
    assert found["6"]["status_code"] == 400
    return [found[str(seed)]["body"]["choices"][0]["message"]["content"] for seed in range(6)]


def embeddings():
    bodies = [{"model": "vectors", "input": text} for text in TEXTS]
    found, _ = ran("vectors.jsonl", "/v1/embeddings", bodies)
    return [found[str(index)]["body"]["data"][0]["embedding"] for index in range(len(TEXTS))]


def lists():
    batches = [whole(one) for one in client.batches.list(limit=1)]  # the client turns the pages
    files = [whole(one) for one in client.files.list(purpose="batch")]
    for one in files:
        assert client.files.delete(one.id).deleted
    assert not list(client.files.list(purpose="batch"))
    return [len(batches) >= 3, len(files)]


def cancelled():
    file = written("long.jsonl", "/v1/embeddings", [{"model": "vectors", "input": "a " * 200}] * 2000)
    batch = client.batches.create(input_file_id=file.id, endpoint="/v1/embeddings", completion_window="24h")
    whole(client.batches.cancel(batch.id))
    end = time.monotonic() + 60
    while (found := whole(client.batches.retrieve(batch.id))).status != "cancelled":
        assert time.monotonic() < end, found
        time.sleep(0.1)
    counts = found.request_counts
    client.files.delete(file.id)
    return counts.completed + counts.failed


def errors():
    def of(call):
        try:
            call()
        except openai.APIStatusError as error:
            return [type(error).__name__, error.status_code, error.body.get("code")]
        return []

    bad = ("a.jsonl", b'{"custom_id": "a", "method": "POST", "url": "http://127.0.0.1/", "body": {}}')
    return {
        "url": of(lambda: client.files.create(file=bad, purpose="batch")),
        "purpose": of(lambda: client.files.create(file=bad, purpose="fine-tune")),
        "file": of(lambda: client.files.retrieve("file-0")),
        "batch": of(lambda: client.batches.retrieve("batch_0")),
    }


DONE = (chat, embeddings, cancelled, lists, errors)
print(json.dumps({one.__name__: one() for one in DONE}))  # noqa: T201 (how it is heard)
