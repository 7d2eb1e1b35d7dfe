"""What a user of tritonclient does, run by test_others.py with the interpreter that has it.

triton.py URL KEY FOLDER   prints what came back as JSON; FOLDER has picture.png
"""

import json
import sys
from pathlib import Path

import numpy as np
import tritonclient.http as triton

URL, KEY, FOLDER = sys.argv[1:]
HEADERS = {"Authorization": f"Bearer {KEY}"}  # of which the client keeps what it adds
client = triton.InferenceServerClient(URL.removeprefix("http://"), concurrency=2)


def tensor(name, values, binary=True, kind="BYTES"):
    array = np.array(values, dtype=object if kind == "BYTES" else np.float64)
    found = triton.InferInput(name, array.shape, kind)
    found.set_data_from_numpy(array, binary_data=binary)
    return found


def read(result):
    """Return the outputs as lists of texts and numbers."""
    arrays = {one["name"]: result.as_numpy(one["name"]) for one in result.get_response()["outputs"]}
    return {name: json.loads(json.dumps(array.tolist(), default=bytes.decode)) for name, array in arrays.items()}


def infer(model, *inputs, **more):
    return client.infer(model, list(inputs), headers=dict(HEADERS), **more)


def error(call):
    try:
        call()
    except triton.InferenceServerException as refused:
        return [int(refused.status()), str(refused.message())]
    return []


picture = Path(FOLDER, "picture.png").read_bytes()
films = ["a moving film", "dull"]
(version,) = client.get_model_metadata("text", headers=dict(HEADERS))["versions"]
in_json = [triton.InferRequestedOutput(name, binary_data=False) for name in ("value", "confidence")]
table = [tensor(name, [value]) for name, value in {"sex": "1", "pressure": "145", "pain": "typical"}.items()]
found = {
    "health": [client.is_server_live(headers=dict(HEADERS)), client.is_server_ready(headers=dict(HEADERS))],
    "ready": client.is_model_ready("text", version, headers=dict(HEADERS)),
    "inputs": client.get_model_metadata("text", headers=dict(HEADERS))["inputs"],
    "config": client.get_model_config("text", version, headers=dict(HEADERS))["input"],
    "index": [one["name"] for one in client.get_model_repository_index(headers=dict(HEADERS))],
    "texts": read(infer("text", tensor("text", films))),
    "column": read(infer("text", tensor("text", [[film] for film in films]), model_version=version)),
    "texts in json": read(infer("text", tensor("text", films, binary=False), outputs=in_json, request_id="7")),
    "id": infer("text", tensor("text", films), request_id="7").get_response()["id"],
    "packed": read(infer("text", tensor("text", films), request_compression_algorithm="gzip")),
    "picture": read(infer("masks", tensor("image", [picture]))),
    "table": read(infer("table", tensor("age", [63.0], kind="FP64"), *table)),
    "sound": infer("voice", tensor("text", ["aoi"])).as_numpy("media")[0][:4].decode(),
    "later": read(client.async_infer("text", [tensor("text", films)], headers=dict(HEADERS)).get_result()),
    "errors": {
        "no model": error(lambda: infer("nothing", tensor("text", films)))[:1],
        "no key": error(lambda: client.infer("text", [tensor("text", films)]))[:1],
        "version": error(lambda: infer("text", tensor("text", films), model_version="9"))[:1],
        "load": error(lambda: client.load_model("text", headers=dict(HEADERS)))[:1],
        "statistics": error(lambda: client.get_inference_statistics("text", headers=dict(HEADERS)))[:1],
        "priority": error(lambda: infer("text", tensor("text", films), priority=3)),
        "input": error(lambda: infer("text", tensor("txt", films))),
    },
}
print(json.dumps(found))  # noqa: T201 (how it is heard)
