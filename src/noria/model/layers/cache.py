"""What the trunk remembers of tokens already seen, so that a new token costs one step and not the whole text again.

Keys and values of attention: only real tokens are kept, packed to the left; so padding may stand anywhere in a chunk
(left, right, or a whole row that has finished), and rows may grow at different speeds.

            slot 0  1  2  3  4  5 | scrap          chunk of 3 appended: row 0 "a b -", row 1 "- - c"
    row 0      k  k  k  k  .  .  |              ->    k  k  k  k  a  b |
    row 1      k  k  .  .  .  .  |                    k  k  c  .  .  . |
               lengths = [4, 2], longest = 4          lengths = [6, 3], longest = 6

Padding is written to the last slot, the scrap, which nobody sees. States of recurrent blocks: tensors of fixed size, by
layer. Knows no masks and no positions. Read next: attention_context.py.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor


class KeyValueCache:
    """Hold the keys and values of `depth` layers for the real tokens of each row.

    keys, values  float[depth, B, H, slots, D], H key heads of D channels; written in place
    lengths       int[B], the real tokens of each row; longest is their maximum
    is_even       whether all rows are known to have `longest` tokens
    states        of recurrent blocks, by layer: tensors [B, ...]

    Room for `capacity` tokens a row is allocated at once, and more when a row needs it; on a CPU it takes memory only
    as it is filled. Rows leave by `select` and come by `join`; the room of those that have left is used again.
    Made by `Transformer.new_cache`. For inference only. After an exception inside the trunk the cache is spoilt.
    """

    def __init__(
        self,
        depth: int,
        shape: tuple[int, int, int, int],
        dtype: torch.dtype = torch.float32,
        device: torch.device | None = None,
    ) -> None:
        batch_size, num_heads, self.capacity, head_dim = shape
        slots = (depth, batch_size, num_heads, self.capacity + 1, head_dim)
        self.keys, self.values = self._room = _zeros(slots, dtype, device), _zeros(slots, dtype, device)
        self.lengths = torch.zeros(batch_size, dtype=torch.long, device=device)
        self.longest = 0
        self.is_even = True
        self.places = self.lengths  # of the chunk that was reserved last, in a layer's slots of all rows and heads
        self.states: dict[int, tuple[Tensor, ...]] = {}

    @property
    def num_bytes(self) -> int:
        """Return the memory the cache holds, full or empty."""
        states = [tensor for state in self.states.values() for tensor in state]
        return sum(tensor.nbytes for tensor in (*self._room, self.lengths, *states))

    @property
    def num_readable(self) -> int:
        """Return how many slots `append` hands out: at least 1, as softmax needs a key."""
        return max(self.longest, 1)

    @property
    def is_real(self) -> Tensor | None:
        """Return bool[B, num_readable]: which of the slots that `append` hands out are filled; None: all."""
        if self.is_even and self.longest == self.num_readable:
            return None
        return torch.arange(self.num_readable, device=self.lengths.device) < self.lengths[:, None]

    def reserve(self, num_tokens: int, is_real: Tensor | None) -> Tensor:
        """Give each token of a chunk its slot, int[B or 1, T], and count it; once per chunk, before any `append`.

        `is_real` is bool[B, T] or None (all real).
        """
        is_whole = is_real is None or bool(is_real.all())
        order = (
            torch.arange(1, num_tokens + 1, device=self.lengths.device)[None]
            if is_real is None or is_whole
            else is_real.cumsum(dim=1)
        )
        lengths = self.lengths + order[:, -1]
        longest = self.longest + num_tokens if is_whole else int(lengths.max())
        if longest > self.capacity:
            self._allocate(len(self.lengths), max(longest, 2 * self.capacity))
        slots = (self.lengths[:1, None] if self.is_even and is_whole else self.lengths[:, None]) + order - 1
        if is_real is not None and not is_whole:
            slots = slots.where(is_real, self.keys.shape[3] - 1)
        self.lengths, self.longest, self.is_even = lengths, longest, self.is_even and is_whole
        batch_size, num_heads, num_slots = self.keys.shape[1:4]
        firsts = torch.arange(batch_size * num_heads, device=slots.device).view(batch_size, num_heads, 1) * num_slots
        self.places = (firsts + slots[:, None]).flatten()
        return slots

    def packed(self, flags: Tensor, slots: Tensor) -> Tensor:
        """Return bool[B, num_readable]: the flags bool[B, T] of a chunk, each at the slot of its token, else False."""
        everywhere = flags.new_zeros(len(flags), self.keys.shape[3])
        return everywhere.scatter(1, slots.expand_as(flags), flags)[:, : self.num_readable]

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Write one layer's float[B, H, T, D] into the reserved slots; return all, float[B, H, num_readable, D]."""
        if keys.requires_grad:
            raise ValueError("a cache is for inference: call the trunk inside torch.inference_mode()")
        readable = self.num_readable
        found = []
        for new, held in ((keys, self.keys[layer]), (values, self.values[layer])):
            held.view(-1, held.shape[-1]).index_copy_(0, self.places, new.reshape(-1, new.shape[-1]).to(held.dtype))
            found.append(held[:, :, :readable].to(new.dtype))
        return found[0], found[1]

    def select(self, rows: Tensor) -> None:
        """Keep the rows int[K] in this order: to drop rows that have ended, to repeat or reorder hypotheses.

        What is allocated is used again where there are not more rows than before; a row that keeps its place is not
        copied.
        """
        is_moved = rows != torch.arange(len(rows), device=rows.device)
        source, place = rows[is_moved], is_moved.nonzero()[:, 0]
        moved = [part[:, source, :, : self.longest] for part in (self.keys, self.values)]
        if len(rows) > self._room[0].shape[1]:
            self._allocate(len(rows), self.capacity)
        for room, part in zip(self._room, moved, strict=True):
            room[:, place, :, : self.longest] = part
        self.states = {layer: tuple(part[rows] for part in state) for layer, state in self.states.items()}
        self._count(self.lengths[rows])

    def join(self, other: KeyValueCache) -> bool:
        """Take in the rows of another cache of the same trunk, after one's own; say that it was possible."""
        count = len(self.lengths) + len(other.lengths)
        if count > self._room[0].shape[1] or other.longest > self.capacity:
            self._allocate(max(count, 2 * len(self.lengths)), max(other.longest, self.capacity))
        for room, part in zip(self._room, (other.keys, other.values), strict=True):
            room[:, len(self.lengths) : count, :, : other.longest] = part[:, :, :, : other.longest]
        self.states = {
            layer: tuple(torch.cat(pair) for pair in zip(state, other.states[layer], strict=True))
            for layer, state in self.states.items()
        }
        self._count(torch.cat((self.lengths, other.lengths)))
        return True

    def _count(self, lengths: Tensor) -> None:
        """Go on with rows of these lengths, which lie in the first places of the room."""
        self.keys, self.values = self._room[0][:, : len(lengths)], self._room[1][:, : len(lengths)]
        self.lengths = lengths
        self.longest = int(lengths.max()) if len(lengths) else 0
        self.is_even = bool((lengths == self.longest).all())

    def _allocate(self, num_rows: int, capacity: int) -> None:
        """Move what is held to room for so many rows and tokens."""
        depth, count, num_heads, _, head_dim = self.keys.shape
        slots, device = (depth, num_rows, num_heads, capacity + 1, head_dim), self.keys.device
        room = _zeros(slots, self.keys.dtype, device), _zeros(slots, self.keys.dtype, device)
        for new, held in zip(room, (self.keys, self.values), strict=True):
            new[:, :count, :, : self.longest] = held[:, :, :, : self.longest]
        self._room, self.capacity = room, capacity
        self.keys, self.values = room[0][:, :count], room[1][:, :count]


def _zeros(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device | None) -> Tensor:
    """Return zeros; on a CPU by numpy, whose zeros take memory only as they are written to, and torch's at once."""
    if device is not None and device.type != "cpu":
        return torch.zeros(shape, dtype=dtype, device=device)
    count = math.prod(shape)
    one_more = np.zeros((count + 1) * dtype.itemsize, np.uint8)  # as nothing at all has no type to be seen as
    return torch.from_numpy(one_more).view(dtype)[:count].view(shape)
