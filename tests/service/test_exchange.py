"""What passes between the processes arrives as it was sent."""

from __future__ import annotations

from noria.service.exchange import LENGTHS, Reply, head_of, reply_frame, reply_of
from noria.service.measured import Measured


def test_a_reply_arrives_with_its_tokens_and_what_was_measured() -> None:
    measured = Measured(0.25, 0.5, 1.5, batch_size=7, ended="length")
    sent = Reply(b"\x00\xff", 201, {"a": "b"}, True, tokens=(3, 4), records=5, measured=measured)
    frame = reply_frame(9, sent)
    length, _ = LENGTHS.unpack_from(frame)
    head = head_of(frame[LENGTHS.size :][:length])
    assert head["number"] == 9
    assert reply_of(head, frame[LENGTHS.size + length :]) == sent
