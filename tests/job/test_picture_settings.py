"""Settings of pictures, clips and masks that make no sense are refused with the job, before any data is read."""

from __future__ import annotations

import pytest

from noria.errors import UserError
from noria.job.load import load_job

REFUSED = {
    "image-classification": [
        "inputs.image.size=[0,0]",
        "inputs.image.size=[-8,8]",
        "inputs.image.size=[1000000,1000000]",
        "inputs.image.side=0",
        "inputs.image.side=100000",
        "inputs.image.widths=[0]",
        "inputs.image.blocks=-1",
        "inputs.image.pools=[2,0]",
        "inputs.image.patch=0",
        "inputs.image.shift=-1",
        "inputs.image.rotate=.nan",
        "inputs.image.zoom=-0.1",
        "inputs.image.zoom=1000",
        "inputs.image.erase=-1",
        "inputs.image.first=[0,1]",
        "inputs.image.shear=-1",
    ],
    "object-detection": ["inputs.image.tile=[0,64]", "inputs.image.strides=[0]"],
    "video-classification": [
        "inputs.video.size=[0,0]",
        "inputs.video.side=-1",
        "inputs.video.frames=0",
        "inputs.video.frames=1000000",
        "inputs.video.rate_hz=0",
    ],
    "semantic-segmentation": ["target.size=[0,0]", "target.size=[1000000,2]", "target.side=0"],
}


@pytest.mark.parametrize(("task", "setting"), [(task, setting) for task, some in REFUSED.items() for setting in some])
def test_a_setting_that_makes_no_sense_is_named_with_what_is_expected(task: str, setting: str) -> None:
    name = setting.split("=")[0]
    with pytest.raises(UserError, match=f"cannot have this {name.rsplit('.', 1)[-1]}") as error:
        load_job({"task": task, "data": {"path": "nowhere"}}, [setting])
    assert error.value.where.startswith(name)
    assert error.value.expected
    assert error.value.found


def test_all_of_them_are_told_at_once() -> None:
    with pytest.raises(UserError, match="2 problems"):
        load_job(
            {"task": "image-classification", "data": {"path": "nowhere"}},
            ["inputs.image.size=[0,0]", "inputs.image.rotate=-5"],
        )
