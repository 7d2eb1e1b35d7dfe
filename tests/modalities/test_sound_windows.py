"""A long sound is classified window by window and as a whole, whatever else is in the batch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from noria.contract import dispatch, registry
from noria.contract.examples import fitted, records_like
from noria.contract.windows import combined
from noria.modalities.audio.modality import Audio
from noria.modalities.audio.windows import SoundWindows
from noria.pipeline.inference import outputs
from noria.tasks.audio_classification import WINDOW_S
from noria.types import Batch, Dataset, Ragged, lengths_of

WINDOWS = SoundWindows("audio", size=40, overlap=20, hop_s=0.01)
STATE = {"classes": ["high", "low"]}


class Louder(nn.Module):
    """Stand in for a network: the class is which of two bands is louder in the mean of the frames that there are."""

    def __init__(self) -> None:
        super().__init__()
        self.longest = self.most = 0

    def forward(self, inputs: dict[str, dict[str, Tensor]]) -> dict[str, Tensor]:
        mel, lengths = inputs["audio"]["mel"].float(), inputs["audio"][lengths_of("mel")]
        self.longest, self.most = max(self.longest, mel.shape[1]), max(self.most, len(mel))
        is_real = torch.arange(mel.shape[1])[None, :, None] < lengths[:, None, None]
        return {"logits": (mel * is_real).sum(1) / lengths[:, None]}


def sound(*parts: tuple[int, float]) -> np.ndarray:
    """Return mel frames float16[T, 2]: so many of each difference between the bands."""
    return np.concatenate([np.tile([difference, 0.0], (frames, 1)) for frames, difference in parts]).astype(np.float16)


LONG = sound((100, 4.0), (60, -4.0))
SHORT = sound((30, -4.0))


def answered(*rows: np.ndarray) -> tuple[dict, list, Louder]:
    target = registry.task("audio-classification").target
    object.__setattr__(target, "windows", WINDOWS)
    dataset = Dataset({"audio": {"mel": Ragged.of(list(rows), np.float16, (2,))}}, {})
    model = Louder()
    found = outputs(model, target, STATE, dataset, 16, "cpu")
    return found, target.decode(found, STATE), model


def test_a_long_sound_is_answered_by_window_and_as_a_whole():
    _, (answer,), model = answered(LONG)
    windows = answer.details["windows"]
    edges = [(one["start_s"], one["end_s"]) for one in windows]
    np.testing.assert_allclose(edges, [(0.2 * number, 0.2 * number + 0.4) for number in range(7)])
    assert [one["value"] for one in windows if one["confidence"] > 0.6] == ["high"] * 4 + ["low"] * 2
    assert answer.value == "high"
    logits = torch.tensor([[4.0, 0], [4, 0], [4, 0], [4, 0], [0, 0], [-4, 0], [-4, 0]])
    wanted = combined(logits).exp()[0].item()
    assert abs(answer.confidence - wanted) < 1e-3
    assert (model.longest, model.most) == (40, 7)


def test_a_short_sound_is_answered_at_once_and_says_nothing_of_windows():
    _, (answer,), _ = answered(SHORT)
    assert (answer.value, "windows" in answer.details) == ("low", False)


def test_sounds_are_answered_alike_alone_and_beside_longer_ones():
    together, answers, _ = answered(SHORT, LONG, SHORT, sound((45, 1.0)))
    for index, row in enumerate((SHORT, LONG, SHORT, sound((45, 1.0)))):
        alone, (answer,), _ = answered(row)
        np.testing.assert_allclose(together["logits"][index], alone["logits"][0], atol=1e-6)
        assert answers[index].details == answer.details


def test_training_hears_a_window_of_a_long_sound_anywhere_in_it():
    frames = torch.arange(200.0)[None, :, None].expand(300, 200, 1)
    lengths = torch.tensor([200, 30, 100]).repeat(100)
    torch.manual_seed(0)
    drawn = WINDOWS.drawn({"mel": frames, lengths_of("mel"): lengths})
    assert drawn["mel"].shape == (300, 40, 1)
    assert drawn[lengths_of("mel")].tolist() == [40, 30, 40] * 100
    starts = drawn["mel"][:, 0, 0]
    assert (starts[1::3] == 0).all()
    assert 0 <= starts[0::3].min() < 20 < 140 < starts[0::3].max() <= 160
    assert starts[2::3].max() <= 60
    assert (drawn["mel"][:, 1:, 0] - drawn["mel"][:, :-1, 0] == 1).all()


def test_the_task_hears_windows_of_half_a_minute_and_reads_ten_minutes():
    task = registry.task("audio-classification")
    audio = task.inputs["audio"]
    assert isinstance(audio, Audio)
    assert audio.max_s > 10 * WINDOW_S
    assert task.target.windows == SoundWindows("audio", 3000, 1500, 0.01)
    records = records_like(task, 8)
    states = fitted(task, records)
    arrays = audio.encode([one["audio"] for one in records], states["inputs"]["audio"]).arrays
    batch = Dataset({"audio": arrays}, {}).batch(slice(None))
    longer = {"mel": batch.inputs["audio"]["mel"].repeat(1, 100, 1), lengths_of("mel"): torch.full((8,), 3100)}
    torch.manual_seed(0)
    heard = dispatch.augment(task, Batch({"audio": longer}, {}, 8)).inputs["audio"]
    assert int(heard[lengths_of("mel")].max()) <= 3000 * 1.11 + 40  # as slow as augmentation makes a window
