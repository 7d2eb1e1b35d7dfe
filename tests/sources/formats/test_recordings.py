"""Recordings as people keep them."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest

from noria.errors import UserError
from noria.sound.wav import wav_bytes
from noria.sources.formats.recordings import recordings

SOUND = wav_bytes(np.zeros(80), 8_000)


def given(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def records(source) -> list[dict]:
    found = []
    for rows in source.rows():
        assert not rows.bad, rows.bad
        found += [{**record.fields, "split": rows.split} for record in rows.records()]
    return found


def assert_all_there(source) -> None:
    for record in records(source):
        assert (source.root / record["file"]).is_file()


@pytest.mark.parametrize("at", ["", "metadata.csv"])
def test_ljspeech_names_sounds_without_folder_and_ending(tmp_path, at):
    given(
        tmp_path,
        {
            "metadata.csv": 'LJ1|In 12 parts|In twelve parts\nLJ2|"For although|"For although\nLJ3|a "b" c|a "b" c\n',
            **{f"wavs/LJ{i}.wav": SOUND for i in (1, 2, 3)},
        },
    )
    source = recordings(tmp_path / at)
    assert [record["transcript"] for record in records(source)] == ["In twelve parts", '"For although', 'a "b" c']
    assert [record["file"] for record in records(source)] == [f"wavs/LJ{i}.wav" for i in (1, 2, 3)]
    assert_all_there(source)
    assert any("x is taken for wavs/x.wav" in note for note in source.notes())


def common_voice(folder: Path) -> Path:
    head, row = "client_id\tpath\tsentence\tage\n", '{0}\tcommon_voice_{0}.mp3\tsay "{0}"\t\n'
    tables = {"train": [1, 2], "dev": [3], "test": [4], "validated": [1, 2, 3, 4], "other": [5]}
    return given(
        folder,
        {f"{name}.tsv": head + "".join(map(row.format, numbers)) for name, numbers in tables.items()}
        | {f"clips/common_voice_{i}.mp3": SOUND for i in range(1, 6)},
    )


def test_a_folder_of_common_voice_keeps_its_splits(tmp_path):
    source = recordings(common_voice(tmp_path))
    assert [(record["split"], record["transcript"]) for record in records(source)] == [
        ("train", 'say "1"'),
        ("train", 'say "2"'),
        ("validation", 'say "3"'),
        ("test", 'say "4"'),
    ]
    assert_all_there(source)
    assert any("other.tsv, validated.tsv" in note for note in source.notes())


def test_one_table_of_common_voice_is_all_the_data(tmp_path):
    source = recordings(common_voice(tmp_path) / "validated.tsv", named={"audio": "path"})
    found = records(source)
    assert len(found) == 4
    assert {record["split"] for record in found} == {""}
    assert found[0]["path"] == found[0]["file"] == "clips/common_voice_1.mp3"


def test_an_audiofolder_has_a_table_in_the_folder_of_each_split(tmp_path):
    given(
        tmp_path,
        {
            "train/metadata.csv": "file_name,label\na.wav,dog\nsub/b.wav,cat\n",
            "test/metadata.csv": "file_name,label\nc.wav,dog\n",
            **dict.fromkeys(["train/a.wav", "train/sub/b.wav", "test/c.wav"], SOUND),
        },
    )
    source = recordings(tmp_path)
    assert [(one["split"], one["file"], one["label"]) for one in records(source)] == [
        ("train", "train/a.wav", "dog"),
        ("train", "train/sub/b.wav", "cat"),
        ("test", "test/c.wav", "dog"),
    ]
    assert_all_there(source)


def test_lines_of_json_name_sounds(tmp_path):
    given(tmp_path, {"metadata.jsonl": '{"file_name": "a.wav", "transcription": "hello"}\n', "a.wav": SOUND})
    (record,) = records(recordings(tmp_path))
    assert (record["file"], record["transcript"]) == ("a.wav", "hello")


def test_a_kaldi_folder_says_file_text_and_speaker_in_files_of_their_own(tmp_path):
    given(
        tmp_path,
        {
            "wav.scp": f"u1 {tmp_path}/w/1.wav\nu2\tw/2.wav\n",
            "text": "u2 good night\nu1 good morning\n",
            "utt2spk": "u1 anna\nu2 ben\n",
            "w/1.wav": SOUND,
            "w/2.wav": SOUND,
        },
    )
    source = recordings(tmp_path)
    assert [(one["file"], one["transcript"], one["speaker"]) for one in records(source)] == [
        ("w/1.wav", "good morning", "anna"),
        ("w/2.wav", "good night", "ben"),
    ]
    assert_all_there(source)


def test_a_kaldi_command_is_not_run_and_an_utterance_without_a_text_is_bad(tmp_path):
    given(tmp_path, {"wav.scp": "u1 sph2pipe -f wav 1.sph |\nu2 2.wav\nu3 3.wav\n", "text": "u1 one\nu3 three\n"})
    (rows,) = recordings(tmp_path).rows()
    assert [(one.where, one.reason) for one in rows.bad] == [
        ("wav.scp:1", "is read by a command, and none is run: name a file in wav.scp"),
        ("wav.scp:2", "has no transcript"),
    ]
    assert rows.columns["file"] == ["3.wav"]


def test_kaldi_segments_are_refused(tmp_path):
    given(tmp_path, {"wav.scp": "r1 1.wav\n", "segments": "u1 r1 0 1\n", "text": "u1 one\n"})
    with pytest.raises(UserError, match="parts of longer recordings"):
        recordings(tmp_path)


def test_a_folder_a_class_stays_one_whatever_table_lies_beside(tmp_path):
    given(tmp_path, {"dog/1.wav": SOUND, "cat/1.mp3": SOUND, "licences.csv": "who,what\nme,all\n"})
    assert sorted(record["label"] for record in records(recordings(tmp_path))) == ["cat", "dog"]


def test_an_archive_of_sounds_is_read_file_by_file(tmp_path):
    given(tmp_path / "in", {"rec/0_anna_1.wav": SOUND, "rec/1_ben_2.wav": SOUND})
    with tarfile.open(tmp_path / "all.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "in", "data")
    assert len(records(recordings(tmp_path / "all.tar.gz"))) == 2


def test_names_that_lead_out_of_the_folder_are_not_looked_for(tmp_path):
    given(tmp_path, {"secret.wav": SOUND, "in/metadata.csv": "file_name,label\n../secret.wav,dog\n"})
    assert recordings(tmp_path / "in" / "metadata.csv") is None
