"""What a user of Ollama's client does, run by test_others.py with the interpreter that has it.

ollama_user.py URL KEY FOLDER   prints what came back as JSON
"""

import json
import sys

import ollama

URL, KEY, _ = sys.argv[1:]
client = ollama.Client(host=URL, headers={"Authorization": f"Bearer {KEY}"})
talk = [{"role": "user", "content": "What is a noria?"}]
warm = {"num_predict": 6, "temperature": 0.9, "seed": 3}


def error(call):
    try:
        call()
    except ollama.ResponseError as refused:
        return [refused.status_code, refused.error.partition("\n")[0]]
    return []


last = list(client.generate("writer", "To be", options=warm, stream=True))[-1]
found = {
    "models": sorted(one.model for one in client.list().models),
    "running": len(client.ps().models),
    "can": client.show("vectors").capabilities,
    "goes on": client.generate("writer", "To be", options=warm).response,
    "streamed": "".join(one.response for one in client.generate("writer:latest", "To be", options=warm, stream=True)),
    "ended": [last.done, last.done_reason, last.eval_count],
    "chat": client.chat("chat", talk, options=warm).message.content,
    "chat streamed": "".join(one.message.content for one in client.chat("chat", talk, options=warm, stream=True)),
    "loaded": client.generate("chat").done_reason,
    "vectors": [list(one) for one in client.embed("vectors", ["A dog runs.", "A bird sings."]).embeddings],
    "vector": list(client.embeddings("vectors", "A dog runs.").embedding),
    "errors": {
        "no model": error(lambda: client.generate("nothing", "a"))[:1],
        "streamed": error(lambda: list(client.generate("nothing", "a", stream=True)))[:1],
        "not a writer": error(lambda: client.generate("text", "a"))[:1],
        "think": error(lambda: client.chat("chat", talk, think=True)),
        "option": error(lambda: client.generate("chat", "a", options={"mirostat": 2})),
        "pull": error(lambda: client.pull("a"))[:1],
    },
}
print(json.dumps(found))  # noqa: T201 (how it is heard)
