"""POST /v1/audio/speech: a text as it is read out, sent as it is made. For models whose answer to a text is a wav file.

A bundle has one voice, by the name `default` or its own. Formats are wav, which stands for none named, and pcm: its
samples alone, 16 bits, one channel, at the rate that Content-Type says.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

from noria.contract import dispatch, streaming
from noria.service.asking.operation import Asked, Said, View, Writer
from noria.service.dialects.openai.asking import OpenAIOperation, text_input, tokens_of
from noria.service.dialects.openai.body import Body, Passes
from noria.service.dialects.openai.writing import error_event, event
from noria.service.request.exchange import Reply, Request
from noria.service.request.http_error import HTTPError
from noria.sound.wav import WHOLE_HEAD_BYTES, rate_of
from noria.types import Chunk, Prediction

WAV, PCM = "audio/wav", "pcm"
PASSES: Passes = {"instructions": ("",)}


class Speech(OpenAIOperation):
    """Read a text out."""

    name = "openai.speech"
    path = "/v1/audio/speech"
    verb = "stream"
    summary = "Read a text out, as OpenAI's speech does."
    param = "input"

    def is_offered(self, view: View) -> bool:
        """Say whether the model answers a text with a sound that is sent as it is made."""
        target = view.predictor.task.target
        return text_input(view) is not None and streaming.can_stream(target) and dispatch.media_type(target) == WAV

    def read(self, request: Request, view: View) -> Asked:
        """Return the text."""
        name = text_input(view) or ""
        body = Body(request.json(view.limits))
        body.text("model")
        body.needed("input")
        text = body.text("input")
        body.needed("voice")
        given = body.take("voice")
        voice = body.object("voice").text("id") if isinstance(given, dict) else given  # type: ignore[union-attr]
        if given is not None and voice not in ("default", view.name):
            body.wrong("voice", f"default, or {view.name}: this model has one voice", voice, "unsupported_value")
        form = body.one_of("response_format", ("wav", PCM), "wav")
        is_events = body.one_of("stream_format", ("audio", "sse"), "audio") == "sse"
        speed = body.number("speed", 0.25, 4.0)
        body.end(PASSES)
        body.check()
        (tokens,) = tokens_of([text], name, view, "input")
        settings = {} if speed is None else {"speed": speed}
        return Asked([{name: text}], [settings], is_streamed=True, more=(form, is_events, tokens))

    def write(self, answers: Sequence[Prediction], asked: Asked, view: View, said: Said) -> Reply:
        """Never asked: all answers are streamed."""
        raise NotImplementedError

    def writer(self, asked: Asked, view: View) -> Writer:
        """Return what writes the sound, or events with it."""
        form, is_events, tokens = asked.more
        return SoundEvents(form, tokens) if is_events else SoundWriter(form)


class SoundWriter(Writer):
    """The sound as it comes, of pcm without the head of its file."""

    media_type = WAV

    def __init__(self, form: str) -> None:
        self._samples = Samples() if form == PCM else None

    def piece(self, record: int, chunk: Chunk) -> bytes:
        """Return a piece of the sound."""
        if self._samples is None:
            return bytes_of(chunk)
        found = self._samples.take(bytes_of(chunk))
        self.media_type = f"audio/pcm;rate={self._samples.rate_hz};channels=1"
        return found

    def error(self, error: HTTPError) -> bytes | None:
        """Say nothing: a sound has no place for it, and a client sees that the transfer did not end."""
        return None


class SoundEvents(Writer):
    """The sound as events, in base64."""

    def __init__(self, form: str, tokens: int) -> None:
        self._samples = Samples() if form == PCM else None
        self._tokens = tokens

    def piece(self, record: int, chunk: Chunk) -> bytes:
        """Return a piece of the sound."""
        new = bytes_of(chunk) if self._samples is None else self._samples.take(bytes_of(chunk))
        audio = base64.b64encode(new).decode("ascii")
        return event({"type": "speech.audio.delta", "audio": audio}) if new else b""

    def end(self) -> bytes:
        """Return that it is whole, and how many tokens were read."""
        usage = {"input_tokens": self._tokens, "output_tokens": 0, "total_tokens": self._tokens}
        return event({"type": "speech.audio.done", "usage": usage})

    def error(self, error: HTTPError) -> bytes:
        """Return the error as an event."""
        return error_event(error)


class Samples:
    """Takes the head off the front of a wav file that comes in pieces."""

    def __init__(self) -> None:
        self._head = b""
        self.rate_hz = 0

    def take(self, new: bytes) -> bytes:
        """Return the samples of a piece."""
        whole = self._head + new if len(self._head) < WHOLE_HEAD_BYTES else b""
        if not whole:
            return new
        self._head = whole[:WHOLE_HEAD_BYTES]
        if len(self._head) == WHOLE_HEAD_BYTES:
            self.rate_hz = rate_of(self._head)
        return whole[WHOLE_HEAD_BYTES:]


def bytes_of(chunk: Chunk) -> bytes:
    """Return the content of a piece of a file."""
    return chunk.content if isinstance(chunk.content, bytes) else chunk.content.encode()
