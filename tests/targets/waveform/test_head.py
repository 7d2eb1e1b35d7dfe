"""The vocoder's spectra overlap to the same samples in training and in use."""

from __future__ import annotations

import numpy as np
import torch

from noria.targets.waveform import Waveform
from noria.targets.waveform.head import WaveformHead, samples_of, spectral_loss
from noria.tasks.vocoder import Vocoder
from noria.types import Tokens


def test_samples_are_the_same_by_torch_and_by_numpy():
    torch.manual_seed(0)
    head = WaveformHead(16, 160, 1, 2).eval()
    with torch.inference_mode():
        output = head(Tokens(torch.randn(2, 9, 16), torch.arange(9) < torch.tensor([[9], [5]])))
        wanted = samples_of(output).numpy()
    arrays = {name: value.numpy() for name, value in output.items()}
    kept = Waveform().postprocess(arrays, {}, {})["samples"]
    assert kept.lengths.tolist() == [8, 4]
    for row in range(2):
        assert np.allclose(kept[row], np.clip(wanted[row, : kept.lengths[row]], -1, 1), atol=1e-5)


def test_a_sound_is_no_way_off_from_itself_and_padding_does_not_count():
    samples = torch.randn(1, 100, 160, generator=torch.Generator().manual_seed(0)) * 0.1
    hops = torch.tensor([100])
    assert spectral_loss(samples, samples, hops).item() == 0
    other = samples * 0.5
    padded = [torch.nn.functional.pad(one, (0, 0, 0, 6)) for one in (other, samples)]
    assert torch.allclose(spectral_loss(*padded, hops), spectral_loss(other, samples, hops), rtol=0.05)


def test_a_crop_is_of_the_same_stretch_of_frames_and_samples():
    task = Vocoder()
    sounds = [record.fields["audio"] for record in task.examples(4)]
    state = task.inputs["audio"].fit(sounds)
    from noria.types import Dataset

    data = Dataset({"audio": task.inputs["audio"].encode(sounds, state).arrays}, task.target.encode(sounds, {}).arrays)
    torch.manual_seed(0)
    task.target = Waveform(crop_s=0.08, gain_db=0)
    whole = data.batch(slice(None))
    batch = task.augment_batch(whole)
    assert batch.inputs["audio"]["mel"].shape[1] == 8
    assert batch.target["samples"].shape[1:] == (7, 160)
    for row in range(4):
        starts = [
            start
            for start in range(whole.inputs["audio"]["mel"].shape[1] - 7)
            if torch.equal(whole.inputs["audio"]["mel"][row, start : start + 8], batch.inputs["audio"]["mel"][row])
        ]
        assert any(
            torch.equal(whole.target["samples"][row, start : start + 7], batch.target["samples"][row])
            for start in starts
        )
