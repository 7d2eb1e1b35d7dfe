"""Sounds are drawn and can be played on a page that still runs and loads nothing."""

from __future__ import annotations

import base64
import io
import wave
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from noria.modalities.audio.modality import Audio
from noria.report.mistakes import Mistake
from noria.report.page import POLICY
from noria.report.sample_text import said
from noria.report.samples import is_as_given
from noria.report.sounds import PAGE_BYTES, share_bytes, sound
from noria.report.values import shown
from noria.sound.reading import read_sound
from noria.sound.wav import wav_bytes
from noria.types import Media, Prediction, Span
from report.conftest import Case, Cells
from report.reading import names, parsed, words

RATE_HZ = 8000


def tone(seconds: float = 0.5) -> Media:
    samples = 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)
    return Media("audio/wav", wav_bytes(samples.astype(np.float32), RATE_HZ))


def played(page: ET.Element) -> list[bytes]:
    """Return the file that each player of a page has."""
    sources = [one.get("src", "") for one in page.iter("audio")]
    assert all(one.startswith("data:audio/wav;base64,") for one in sources)
    return [base64.b64decode(one.partition(",")[2]) for one in sources]


def seconds_of(data: bytes) -> float:
    with wave.open(io.BytesIO(data)) as file:
        return file.getnframes() / file.getframerate()


def test_the_hardest_records_can_be_heard(classes: Callable[..., Case]) -> None:
    case = classes()
    case.inputs = {"image": Cells(tone())}
    page = case.write()
    files = played(parsed(page))
    assert len(files) == 24
    assert seconds_of(files[0]) == 0.5
    assert "0.50 s, 8,000 Hz" in words(page)


def test_a_page_with_sounds_runs_and_loads_no_more_than_before(classes: Callable[..., Case]) -> None:
    case = classes()
    case.inputs = {"image": Cells(tone())}
    page = case.write()
    allowed = dict(part.strip().partition(" ")[::2] for part in POLICY.split(";"))
    assert allowed == {
        "default-src": "'none'", "img-src": "data:", "media-src": "data:", "style-src": "'unsafe-inline'"
    }  # fmt: skip
    assert not names(page) & {"script", "iframe", "object", "embed", "source", "track", "video"}
    for element in parsed(page).iter():
        assert element.get("src", "data:").startswith("data:")
        assert not any(key.startswith("on") or key == "autoplay" for key in element.attrib)


def test_a_long_sound_is_drawn_whole_and_says_how_much_of_it_can_be_played() -> None:
    page = sound(tone(60.0), most_bytes=320_000)
    (file,) = played(ET.fromstring(page))
    assert seconds_of(file) == 20.0
    assert "60.00 s, 8,000 Hz; the first 20.0 s can be played" in page


def test_many_sounds_share_the_bytes_of_a_page() -> None:
    assert share_bytes(0) == share_bytes(1) > share_bytes(48)
    assert 48 * share_bytes(48) <= PAGE_BYTES


def test_answers_that_are_sounds_stand_beside_what_is_true() -> None:
    one = Mistake({"text": "one"}, tone(0.25), Prediction("one", media=tone()), 1.0, "a.csv:1")
    assert list(one.looked_at) == ["text", "truth", "answer"]
    assert list(replace(one, truth="one").looked_at) == ["text", "answer"]


def test_silence_and_a_single_sample_are_drawn() -> None:
    for samples in (np.zeros(800, np.float32), np.zeros(1, np.float32)):
        page = shown(Media("audio/wav", wav_bytes(samples, RATE_HZ)))
        assert "NaN" not in page.upper().replace("DATA:", "")[:400]
        ET.fromstring(page)


def test_what_no_page_can_play_is_named_and_its_bytes_are_not_printed() -> None:
    broken = Media("audio/wav", b"RIFF no sound")
    for file in (broken, Media("audio/mpeg", bytes(2000)), Media("image/png", bytes(10**6))):
        page = shown(file)
        assert file.mime in page
        assert len(page) < 300
    assert said(broken).startswith("audio/wav of 13 bytes")
    assert said(tone()).startswith("a sound of 0.50 s")
    assert is_as_given(tone(), "a.wav")


def test_a_sound_that_is_learnt_as_frames_is_heard_as_the_network_sees_it() -> None:
    audio = Audio()
    samples = 0.3 * np.sin(2 * np.pi * 440 * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32)
    state = audio.fit([(samples, RATE_HZ)])
    (mel,) = audio.encode([(samples, RATE_HZ)], state).arrays["mel"]
    heard = audio.display({"mel": mel}, state)
    assert isinstance(heard, Media)
    rebuilt = read_sound(heard.data).samples
    loudest = np.abs(np.fft.rfft(rebuilt * np.hanning(len(rebuilt)))).argmax() * RATE_HZ / len(rebuilt)
    assert abs(loudest - 440) < 40
    assert abs(len(rebuilt) - len(samples)) < 100


def test_a_sound_that_is_too_long_to_be_rebuilt_is_drawn() -> None:
    audio = Audio()
    state = audio.fit([(np.ones(800, np.float32), RATE_HZ)])
    drawn = audio.display({"mel": np.zeros((3000, audio.num_mels), np.float16)}, state)
    assert isinstance(drawn, np.ndarray)
    assert drawn.shape[0] == audio.num_mels


def test_the_words_of_an_answer_stand_on_the_sound_where_they_were_heard() -> None:
    words = [Span("seconds", 0.0, 0.25, "one"), Span("seconds", 0.25, 0.26, "a<b"), Span("seconds", 0.4, 9.0, "two")]
    page = ET.fromstring(sound(tone(), times=words))
    marks = list(page.iter("{http://www.w3.org/2000/svg}rect"))
    assert [(one.get("x"), one.get("width")) for one in marks] == [("0", "160"), ("160", "6.4"), ("256", "64")]
    assert [one[0].text for one in marks] == ["one: 0.00 to 0.25 s", "a<b: 0.25 to 0.26 s", "two: 0.40 to 9.00 s"]
    assert [one.text for one in page.iter("{http://www.w3.org/2000/svg}text")] == ["one", "two"]
    mistake = Mistake({"audio": tone()}, "one", Prediction("one"), 1.0, "a.csv:1", times=words)
    assert mistake.looked_at.keys() == {"audio"}
