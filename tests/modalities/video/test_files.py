"""Clips: frames by time and not by number, every container, and videos that are broken in every way."""

from __future__ import annotations

import io
from contextlib import suppress
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image as Pillow

from noria.modalities.video import files as module
from noria.modalities.video.files import cost_of_clip, read_clip

av = pytest.importorskip("av", reason="needs noria[video]")

STEPS = [np.full((32, 48, 3), 20 * step, np.uint8) for step in range(10)]
GENERATOR = np.random.default_rng(0)
NOISE = [GENERATOR.integers(0, 255, (64, 64, 3), np.uint8) for _ in range(12)]


def video(frames, container="mp4", codec="mpeg4", times=None, rate=10):
    """Return a video of such frames, shown at such times in seconds, or `rate` of them a second."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as made:
        stream = made.add_stream(codec, rate=rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = {"gif": "rgb8", "ffv1": "bgr0"}.get(codec, "yuv420p")
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for index, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = int(times[index] * 1000), Fraction(1, 1000)
            made.mux(stream.encode(frame))
        made.mux(stream.encode())
    return file.getvalue()


def levels(clip):
    return [round(float(frame.mean())) for frame in clip.frames]


def reason_of(data, count=4):
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the reason is what is tested)
        read_clip(data, count)
    return str(caught.value)


@pytest.mark.parametrize(
    ("container", "codec"),
    [
        ("mp4", "mpeg4"),
        ("mp4", "libx264"),
        ("avi", "mpeg4"),
        ("webm", "libvpx-vp9"),
        ("matroska", "ffv1"),
        ("gif", "gif"),
    ],
)
def test_every_container_gives_the_frames_in_the_middles_of_equal_stretches(container, codec):
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    clip = read_clip(video(STEPS, container, codec), 5)
    assert np.allclose(levels(clip), [20, 60, 100, 140, 180], atol=4)
    assert clip.seconds == pytest.approx(1.0)
    assert all(frame.shape == (32, 48, 3) and frame.dtype == np.uint8 for frame in clip.frames)


def test_more_frames_than_there_are_show_each_one_again():
    assert np.allclose(levels(read_clip(video(STEPS[:3]), 6)), [0, 0, 20, 20, 40, 40], atol=4)


@pytest.mark.parametrize("container", ["mp4", "matroska"])
def test_at_a_variable_rate_a_frame_counts_for_as_long_as_it_is_shown(container):
    """The ninth picture stands from 0.8 to 3 seconds: by number it would be one of ten."""
    times = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 3.0]
    clip = read_clip(video(STEPS, container, times=times), 4)
    assert np.allclose(levels(clip), [60, 160, 160, 160], atol=6)
    assert clip.seconds == pytest.approx(3.1, abs=0.05)


def test_time_begins_with_the_first_frame():
    clip = read_clip(video(STEPS, "matroska", times=[5 + index / 10 for index in range(10)]), 5)
    assert np.allclose(levels(clip), [20, 60, 100, 140, 180], atol=4)
    assert clip.seconds == pytest.approx(1.0, abs=0.05)


def test_a_file_is_judged_by_what_it_holds_not_by_its_name():
    picture = io.BytesIO()
    Pillow.fromarray(NOISE[0]).save(picture, "PNG")
    for data in (picture.getvalue(), b"not a video, whatever it is called" * 100, b"\x00" * 5000):
        assert "known format" in reason_of(data)


def test_a_playlist_that_names_other_files_is_never_followed(tmp_path):
    (tmp_path / "secret.mp4").write_bytes(video(STEPS))
    for text in (
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {}\n",
    ):
        assert "known format" in reason_of(text.format(tmp_path / "secret.mp4").encode())


def test_sound_alone_is_no_clip():
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as made:
        stream = made.add_stream("aac", rate=16000)
        stream.layout = "mono"
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.sample_rate = 16000
        made.mux(stream.encode(sound))
        made.mux(stream.encode())
    assert reason_of(file.getvalue()) == "the file holds no moving picture, only audio"


@pytest.mark.parametrize(
    ("container", "codec"), [("mp4", "mpeg4"), ("avi", "mpeg4"), ("matroska", "mpeg4"), ("gif", "gif")]
)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6])
def test_a_video_that_breaks_off_is_refused(container, codec, share):
    data = video(NOISE, container, codec)
    reason = reason_of(data[: int(len(data) * share)])
    assert any(words in reason for words in ("breaks off", "broken", "known format", "no frame"))


def test_a_broken_packet_is_refused_with_its_number():
    data = bytearray(video(NOISE))
    data[len(data) // 3 : len(data) // 3 + 400] = bytes(400)
    assert "packet 2" in reason_of(bytes(data))


@pytest.mark.parametrize("seed", range(20))
def test_flipped_bytes_give_a_reason_or_frames_never_a_crash(seed):
    generator = np.random.default_rng(seed)
    container, codec = [("mp4", "mpeg4"), ("matroska", "ffv1"), ("gif", "gif"), ("avi", "mpeg4")][seed % 4]
    data = np.frombuffer(video(NOISE[:4], container, codec), np.uint8).copy()
    places = generator.integers(0, len(data), 30)
    data[places] = generator.integers(0, 256, 30)
    with suppress(ValueError):
        assert len(read_clip(data.tobytes(), 3).frames) == 3


def test_a_video_without_a_frame_is_refused():
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as made:
        stream = made.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        made.start_encoding()
    assert any(words in reason_of(file.getvalue()) for words in ("no frame", "broken", "known format"))


def test_huge_pictures_and_endless_videos_are_refused_before_they_are_decoded(monkeypatch):
    data = video(STEPS)
    monkeypatch.setattr(module, "_picked", lambda *_: pytest.fail("it was decoded"))
    monkeypatch.setattr(module, "MAX_PIXELS", 32 * 48 - 1)
    assert reason_of(data) == "the video is too large: 48 x 32 pixels, at most 1535 are read"
    monkeypatch.setattr(module, "MAX_PIXELS", 32 * 48)
    monkeypatch.setattr(module, "MAX_FRAMES", 9)
    assert reason_of(data) == "the video is too long: at most 9 frames are read"


def test_a_gif_that_claims_a_huge_screen_is_refused():
    data = bytearray(video(STEPS, "gif", "gif"))
    data[6:10] = b"\xff\xff\xff\xff"
    assert reason_of(bytes(data))


def test_a_frame_is_turned_as_the_camera_was_held():
    class Frame:
        class format:
            name = "yuv420p"

        rotation = 90

        def to_ndarray(self, format):
            pixels = np.zeros((2, 3, 3), np.uint8)
            pixels[0, 2] = 9  # top right
            return pixels

    (pixels,) = module._shown(Frame(), 1)
    assert pixels.shape == (3, 2, 3)
    assert pixels[0, 0, 0] == 9  # counterclockwise: top left


def npy(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def png(pixels):
    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("make", [np.stack, lambda f: npy(np.stack(f)), lambda f: [png(one) for one in f], list])
def test_arrays_and_pictures_one_by_one_are_clips_too(make):
    clip = read_clip(make(STEPS), 5)
    assert levels(clip) == [20, 60, 100, 140, 180]
    assert clip.seconds is None
    assert levels(read_clip(make(STEPS[:2]), 4)) == [0, 0, 20, 20]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "not a clip but NoneType"),
        ("clip.mp4", "not a clip but str"),
        (b"", "the file is empty"),
        ([], "the clip has no frame"),
        (np.zeros((0, 4, 4), np.uint8), "no clip of shape"),
        (np.zeros((4, 4), np.uint8), "no clip of shape"),
        ([png(STEPS[0]), b"junk", png(STEPS[1])], "frame 2: "),
        (np.full((3, 4, 4, 3), np.nan), "frame 1: pixels must be finite"),
        (npy(np.zeros((2, 4, 4)))[:-9], "npy file is broken"),
        (npy(np.array([{}], dtype=object), allow_pickle=True), "npy file is broken"),
    ],
)
def test_what_is_no_clip_is_refused_in_plain_words(value, reason):
    assert reason in reason_of(value, 3)


def growing(sides):
    """Return a video whose frames are squares of these sides, of which its head tells only the first."""
    file = io.BytesIO()
    with av.open(file, "w", format="avi") as made:
        stream = made.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = sides[0], sides[0], "yuvj420p"
        for index, side in enumerate(sides):
            encoder = av.CodecContext.create("mjpeg", "w")
            encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = side, side, "yuvj420p", Fraction(1, 10)
            frame = av.VideoFrame.from_ndarray(np.zeros((side, side, 3), np.uint8), "rgb24").reformat(format="yuvj420p")
            frame.pts, frame.time_base = index, Fraction(1, 10)
            for packet in [*encoder.encode(frame), *encoder.encode()]:
                packet.stream, packet.pts, packet.dts, packet.time_base = stream, index, index, Fraction(1, 10)
                made.mux(packet)
    return file.getvalue()


def test_frames_that_grow_beyond_what_the_head_says_are_refused(monkeypatch):
    data = growing([16] * 10 + [640] * 10)
    assert cost_of_clip(data).frame_pixels == 20 * 16 * 16
    assert len(read_clip(data, 4).frames) == 4
    monkeypatch.setattr(module, "MOST_GROWTH", 9 * 640 * 640)
    assert "larger than its head says" in reason_of(data)
