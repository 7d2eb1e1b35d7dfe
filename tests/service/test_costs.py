"""What a request comes to when it is decoded is summed by the heads of its files, and refused before it is decoded."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from noria.contract import Modality, dispatch
from noria.modalities.image.modality import Image
from noria.modalities.messages import Messages
from noria.modalities.raw_audio import RawAudio
from noria.modalities.series.modality import Series
from noria.modalities.table.modality import Table
from noria.modalities.text.modality import Text
from noria.modalities.video.modality import Video
from noria.service.app import make_app
from noria.service.request.costs import check_costs
from noria.service.request.http_error import HTTPError
from noria.service.request.limits import Limits
from noria.sound.wav import wav_bytes
from noria.types import Cost


def png(side: int) -> bytes:
    buffer = io.BytesIO()
    Pillow.new("1", (side, side)).save(buffer, "PNG")
    return buffer.getvalue()


def film(frames: int, side: int) -> bytes:
    av = pytest.importorskip("av", reason="the extra `video` is not installed")
    buffer = io.BytesIO()
    with av.open(buffer, "w", "avi") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = side
        stream.pix_fmt = "yuv420p"
        for _ in range(frames):
            picture = av.VideoFrame.from_ndarray(np.zeros((side, side, 3), np.uint8), "rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return buffer.getvalue()


def stereo(seconds: int) -> bytes:
    pytest.importorskip("soundfile", reason="the extra `audio` is not installed")
    return wav_bytes(np.zeros(8_000 * seconds, np.float32), 8_000)


MADE: dict[str, tuple[Modality, Callable[[], Any], Cost]] = {
    "a picture": (Image(), lambda: png(700), Cost(pixels=490_000)),
    "no picture": (Image(), lambda: b"nothing", Cost()),
    "a video": (Video(), lambda: film(10, 64), Cost(frames=10, frame_pixels=10 * 64 * 64)),
    "no video": (Video(), lambda: b"nothing", Cost()),
    "a sound": (RawAudio(), lambda: stereo(3), Cost(seconds=3.0, samples=24_000)),
    "a text": (Text(), lambda: "日本 text", Cost(characters=7)),
    "a row": (Table(), lambda: {"a": "12", "b": None, "c": 3.5}, Cost(characters=2)),
    "a conversation": (Messages(), lambda: [{"role": "user", "content": "Hello"}], Cost(characters=9)),
    "a series": (Series(), lambda: b"1,2\n3,4\n", Cost()),
    "nothing": (Text(), lambda: None, Cost()),
}


@pytest.mark.parametrize("name", MADE)
def test_a_value_says_what_it_comes_to(name: str) -> None:
    modality, make, cost = MADE[name]
    assert dispatch.cost(modality, make()) == cost


@pytest.mark.parametrize("unit", ["characters", "pixels", "frames", "frame_pixels", "seconds", "samples"])
def test_the_record_with_which_it_is_too_much_is_named(unit: str) -> None:
    makers = {
        "characters": MADE["a text"], "pixels": MADE["a picture"], "frames": MADE["a video"],
        "frame_pixels": MADE["a video"], "seconds": MADE["a sound"], "samples": MADE["a sound"],
    }  # fmt: skip
    modality, make, cost = makers[unit]
    record, most = {"input": make()}, getattr(cost, unit) * 2
    check_costs([record] * 2, {"input": modality}, Limits(**{unit: most}))
    with pytest.raises(HTTPError) as told:
        check_costs([record] * 3, {"input": modality}, Limits(**{unit: most}))
    assert (told.value.status, told.value.code, told.value.param) == (413, "too_much", "records[2].input")


def test_many_large_pictures_are_refused_before_one_is_decoded(ask, predictor, monkeypatch) -> None:
    def decoded(*_: Any) -> None:
        raise AssertionError("a picture was decoded")

    monkeypatch.setattr("noria.modalities.image.modality.read_picture", decoded)
    one = base64.b64encode(png(7_000)).decode()
    response = ask(make_app(predictor), "POST", "/predict", json={"records": [{"image": one}] * 64})
    assert response.status_code == 413
    assert response.json()["error"]["param"] == "records[3].image"
