"""A long recording, heard window by window, is answered as if it had been heard at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from noria.targets.transcript.windows import OVERLAP, WINDOW, heard
from noria.types import Batch, lengths_of


class NearFrames(nn.Module):
    """Stand in for a network: each token is four frames and those near them."""

    def __init__(self) -> None:
        super().__init__()
        self.longest = 0

    def forward(self, inputs: dict[str, dict[str, Tensor]]) -> dict[str, Tensor]:
        mel, lengths = inputs["audio"]["mel"], inputs["audio"][lengths_of("mel")]
        self.longest = max(self.longest, mel.shape[1])
        near = functional.avg_pool1d(mel.mT, 9, stride=4, padding=4, count_include_pad=True).mT
        return {"logits": near, "frames": -(-lengths // 4)}


def batch_of(*lengths: int) -> Batch:
    rows = [torch.randn(length, 3, generator=torch.Generator().manual_seed(length)) for length in lengths]
    mel = nn.utils.rnn.pad_sequence(rows, batch_first=True)
    return Batch({"audio": {"mel": mel, lengths_of("mel"): torch.tensor(lengths)}}, {}, len(lengths))


def test_windows_put_together_are_the_whole() -> None:
    for length in (WINDOW + 1, WINDOW + 2, 2 * WINDOW - OVERLAP, 2 * WINDOW - OVERLAP + 3, 5 * WINDOW + 17):
        model, batch = NearFrames(), batch_of(length)
        whole = model(batch.inputs)
        model.longest = 0
        found = heard(model, batch, "audio")
        assert found["frames"].tolist() == whole["frames"].tolist()
        torch.testing.assert_close(found["logits"], whole["logits"])
        assert model.longest <= WINDOW


def test_a_recording_is_heard_alike_alone_and_beside_others() -> None:
    model, lengths = NearFrames(), (400, 2 * WINDOW, 900)
    together = heard(model, batch_of(*lengths), "audio")
    for index, length in enumerate(lengths):
        alone = heard(model, batch_of(length), "audio")
        frames = int(alone["frames"][0])
        assert together["frames"][index] == frames
        torch.testing.assert_close(together["logits"][index, :frames], alone["logits"][0])


def test_short_recordings_are_heard_at_once() -> None:
    model, batch = NearFrames(), batch_of(WINDOW, 80)
    torch.testing.assert_close(heard(model, batch, "audio")["logits"], model(batch.inputs)["logits"])
