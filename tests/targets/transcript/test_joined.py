"""Records of single words are learnt in a row, so that a network hears running speech."""

from __future__ import annotations

import torch

from noria.targets.transcript.joined import in_a_row
from noria.targets.transcript.target import Transcript
from noria.types import PAD, Batch, lengths_of

LENGTHS = lengths_of("mel")
COUNT = 40


def batch_of_words() -> Batch:
    """Records whose frames and units are their own number, as many frames as ten times their units."""
    sizes = torch.arange(COUNT) % 3 + 1
    numbers = torch.arange(COUNT, dtype=torch.float32)[:, None, None] + 1
    is_real = torch.arange(30)[None, :, None] < 10 * sizes[:, None, None]
    mel = torch.where(is_real, numbers, 0.0).expand(COUNT, 30, 2)
    units = torch.where(torch.arange(3)[None] < sizes[:, None], torch.arange(COUNT)[:, None] + 1, PAD)
    return Batch({"audio": {"mel": mel, LENGTHS: 10 * sizes}}, {"units": units}, COUNT)


def test_units_stand_in_the_order_of_their_sounds_and_each_record_begins_its_own_row() -> None:
    torch.manual_seed(0)
    found = in_a_row(batch_of_words(), "audio", 4, None)
    lengths, counts = found.inputs["audio"][LENGTHS], []
    for row in range(COUNT):
        units = found.target["units"][row]
        units = units[units != PAD]
        frames = found.inputs["audio"]["mel"][row]
        assert int(units[0]) == row + 1
        assert int(lengths[row]) == 10 * len(units)
        assert (frames[: lengths[row], 0] == units.repeat_interleave(10)).all()
        assert (frames[lengths[row] :] == 0).all()
        counts.append(len(torch.unique_consecutive(units)))
    assert set(counts) == {1, 2, 3, 4}


def test_words_that_are_written_apart_are_joined_by_their_separator() -> None:
    torch.manual_seed(0)
    found = in_a_row(batch_of_words(), "audio", 3, separator=99)
    for row in range(COUNT):
        units = found.target["units"][row]
        units = units[units != PAD]
        words = torch.unique_consecutive(units).tolist()
        assert words[1::2] == [99] * (len(words) // 2)
        assert 99 not in words[::2]
        assert int(found.inputs["audio"][LENGTHS][row]) == 10 * int((units != 99).sum())


def test_training_joins_records_where_that_is_asked_for_and_use_never_does() -> None:
    heard = []

    def model(inputs, target=None):
        heard.append(inputs["audio"]["mel"].shape[1])
        frames = inputs["audio"][LENGTHS]
        return {"logits": torch.zeros(COUNT, heard[-1], COUNT + 2), "frames": frames}

    state = Transcript().fit(["one two"])
    torch.manual_seed(0)
    for joined in (1, 6):
        losses = Transcript(joined=joined).training_step(model, batch_of_words(), state)
        assert losses["each"].shape == (COUNT,)
        Transcript(joined=joined).predict_step(model, batch_of_words(), state)
    assert heard[0] == heard[1] == heard[3] == 30
    assert heard[2] > 60
