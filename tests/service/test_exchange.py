"""What passes between the processes arrives as it was sent."""

from __future__ import annotations

from noria.service.request.exchange import LENGTHS, Measured, Reply, head_of, reply_frame, reply_of


def test_a_reply_arrives_with_its_tokens_and_what_was_measured() -> None:
    measured = Measured(5, 7, 0.25, 0.5, 1.5, "length")
    sent = Reply(b"\x00\xff", 201, {"a": "b"}, is_last=True, tokens=(3, 4), measured=measured)
    frame = reply_frame(9, sent)
    length, _ = LENGTHS.unpack_from(frame)
    head = head_of(frame[LENGTHS.size :][:length])
    assert head["number"] == 9
    assert reply_of(head, frame[LENGTHS.size + length :]) == sent
