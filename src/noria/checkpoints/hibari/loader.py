"""The English voice of the package hibari-tts: how it stands in the place of a voice that is learnt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from noria.checkpoints.hibari.voice import described
from noria.contract import Task
from noria.contract.checkpoints import ReadyLoader
from noria.types import State


class Hibari(ReadyLoader):
    """hibari's voice "heart", American English, for use alone."""

    kind: ClassVar[str] = "hibari"
    reads: ClassVar[str] = "hibari, an English voice in the package hibari-tts"
    answer: ClassVar[str] = "speech"
    refuses_lora: ClassVar[str] = "no lora: hibari is used as it is"

    def task(self, own: Task) -> Task:
        from noria.checkpoints.hibari.task import EnglishVoice

        return EnglishVoice(own)

    def about(self, states: Mapping[str, Any]) -> str:
        voice = states["target"][self.kind]
        return (
            f"The voice {voice['voice']} of hibari-tts {voice['version']} (Apache-2.0, distilled from Kokoro-82M), "
            f"which was not trained here; sha256 of the voice: {voice['sha256']}."
        )

    def recognizes(self, given: str) -> bool:
        return given == self.kind

    def key(self, given: str) -> str:
        return str(described()["sha256"])

    def described(self, given: str) -> State:
        return described()

    def fill(self, model: Any, given: str, states: Mapping[str, Any]) -> list[str]:
        return ["head"]
