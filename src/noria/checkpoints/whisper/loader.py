"""Folders of faster-whisper models: how one stands in the place of a recogniser that is learnt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from noria.checkpoints.whisper.files import WhisperFiles
from noria.contract import Task
from noria.contract.checkpoints import ReadyLoader
from noria.types import State


class Whisper(ReadyLoader):
    """Whisper models, converted for CTranslate2, for use alone."""

    kind: ClassVar[str] = "whisper"
    reads: ClassVar[str] = "a folder of a faster-whisper model: model.bin, config.json, tokenizer.json"
    answer: ClassVar[str] = "transcript"
    refuses_lora: ClassVar[str] = "no lora: whisper is used as it is"

    def task(self, own: Task) -> Task:
        from noria.checkpoints.whisper.task import Recognition

        return Recognition(own)

    def about(self, states: Mapping[str, Any]) -> str:
        files = states["target"][self.kind]
        return f"A Whisper model that was not trained here; sha256 of its files: {files['sha256']}."

    def recognizes(self, given: str) -> bool:
        return WhisperFiles(given).is_whisper()

    def key(self, given: str) -> str:
        return WhisperFiles(given).key()

    def described(self, given: str) -> State:
        return WhisperFiles(given).state()

    def fill(self, model: Any, given: str, states: Mapping[str, Any]) -> list[str]:
        model.head.fill(WhisperFiles(given).contents)
        return ["head"]
