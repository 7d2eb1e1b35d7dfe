"""What a user of InferenceClient does, run by test_others.py with the interpreter that has it.

hugging_face.py URL KEY FOLDER   prints what came back as JSON; FOLDER has picture.png
"""

import json
import sys
from pathlib import Path

from huggingface_hub import InferenceClient, errors

URL, KEY, FOLDER = sys.argv[1:]
clients = {}


def of(model, task=None):
    """Return the client of a model, and of one of its tasks."""
    address = f"{URL}/hf/models/{model}" + (f"/pipeline/{task}" if task else "")
    return clients.setdefault(address, InferenceClient(model=address, token=KEY, provider="hf-inference"))


def classes(found):
    return {one.label: one.score for one in found}


def error(call):
    try:
        call()
    except (errors.HfHubHTTPError, errors.ValidationError) as refused:
        return [type(refused).__name__, getattr(getattr(refused, "response", None), "status_code", None)]
    return []


picture = Path(FOLDER) / "picture.png"
people = {"age": ["63", "40"], "sex": ["1", "0"], "pressure": ["145", "120"], "pain": ["typical", "none"]}
talk = [{"role": "user", "content": "What is a noria?"}]
(best,) = of("mask").fill_mask("To be, or not to [MASK].", top_k=1)
found = {
    "info": of("vectors").get_endpoint_info()["pipeline_tags"],
    "health": of("text").health_check(),
    "text": classes(of("text").text_classification("a moving film")),
    "text by task": classes(of("text", "text-classification").text_classification("a moving film")),
    "best": len(of("text").text_classification("a moving film", top_k=1)),
    "mask": [best.sequence, best.score],
    "masks": [[one.label, *one.mask.size] for one in of("masks").image_segmentation(picture)],
    "masks of text": len(of("masks").image_segmentation(picture, subtask="semantic")),
    "voice": of("voice").text_to_speech("aoi")[:4].decode(),
    "goes on": of("writer").text_generation("To be", max_new_tokens=6, temperature=0.9, seed=3, do_sample=True),
    "streamed": "".join(of("writer").text_generation("To be", max_new_tokens=6, stream=True)),
    "whole": of("writer").text_generation("To be", max_new_tokens=6, return_full_text=True),
    "vectors": of("vectors").feature_extraction(["A dog runs.", "A bird sings."]).tolist(),
    "alike": of("vectors", "sentence-similarity").sentence_similarity("A dog runs.", ["A bird sings.", "A dog runs."]),
    "table": of("table").tabular_classification(people),
    "chat": of("chat").chat_completion(talk, max_tokens=5, temperature=0).choices[0].message.content,
    "errors": {
        "no model": error(lambda: of("nothing").text_classification("a")),
        "parameter": error(lambda: of("text").text_classification("a", function_to_apply="none")),
        "language": error(lambda: of("text").translation("a", src_lang="en", tgt_lang="de")),
        "details": error(lambda: of("writer").text_generation("a", details=True)),
        "zero shot": error(lambda: of("text").zero_shot_classification("a", ["b", "c"])),
        "no key": error(lambda: InferenceClient(model=f"{URL}/hf/models/text", token="no").text_classification("a")),
    },
}
print(json.dumps(found))  # noqa: T201 (how it is heard)
