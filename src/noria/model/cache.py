"""The keys and values of tokens already seen, so that a new token costs one step and not the whole text again.

Only real tokens are kept, packed to the left; so padding may stand anywhere in a chunk (left, right, or a whole row
that has finished), and rows may grow at different speeds.

            slot 0  1  2  3  4  5 | scrap          chunk of 3 appended: row 0 "a b -", row 1 "- - c"
    row 0      k  k  k  k  .  .  |              ->    k  k  k  k  a  b |
    row 1      k  k  .  .  .  .  |                    k  k  c  .  .  . |
               lengths = [4, 2], longest = 4          lengths = [6, 3], longest = 6

Padding is written to the scrap slot, which is never read. Knows no masks and no positions. Read next: transformer.py.
"""

from __future__ import annotations

import torch
from torch import Tensor


class KeyValueCache:
    """Hold the keys and values of `depth` layers for up to `capacity` real tokens per row.

    keys, values  float[depth, B, H, capacity + 1, D], H key heads of D channels; allocated once, written in place
    lengths       int[B], the real tokens of each row; longest is their maximum

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
        slots = self.capacity + 1
        self.keys = torch.zeros(depth, batch_size, num_heads, slots, head_dim, dtype=dtype, device=device)
        self.values = torch.zeros_like(self.keys)
        self.lengths = torch.zeros(batch_size, dtype=torch.long, device=device)
        self.longest = 0

    @property
    def num_bytes(self) -> int:
        """Return the memory the cache holds, full or empty."""
        return sum(tensor.nbytes for tensor in (self.keys, self.values, self.lengths))

    @property
    def num_readable(self) -> int:
        """Return how many slots `append` hands out: longest, but at least 1, as softmax needs a key."""
        return max(self.longest, 1)

    @property
    def is_real(self) -> Tensor:
        """Return bool[B, num_readable]: which of the slots that `append` hands out are filled."""
        return torch.arange(self.num_readable, device=self.lengths.device) < self.lengths[:, None]

    def reserve(self, num_tokens: int, is_real: Tensor | None) -> Tensor:
        """Give each token of a chunk its slot, int[B, T], and count it; once per chunk, before any `append`.

        `is_real` is bool[B, T] or None (all real). Raise ValueError when a row overflows.
        """
        if is_real is None:
            slots = self.lengths[:, None] + torch.arange(num_tokens, device=self.lengths.device)
            lengths, longest = self.lengths + num_tokens, self.longest + num_tokens
        else:
            order = is_real.cumsum(dim=1)
            slots = torch.where(is_real, self.lengths[:, None] + order - 1, self.capacity)
            lengths = self.lengths + order[:, -1]
            longest = int(lengths.max())
        if longest > self.capacity:
            raise ValueError(f"a row of {longest} tokens does not fit into a cache of capacity {self.capacity}")
        self.lengths, self.longest = lengths, longest
        return slots

    def packed(self, flags: Tensor, slots: Tensor) -> Tensor:
        """Return bool[B, num_readable]: the flags bool[B, T] of a chunk, each at the slot of its token, else False."""
        everywhere = flags.new_zeros(len(slots), self.capacity + 1)
        return everywhere.scatter(1, slots, flags)[:, : self.num_readable]

    def append(self, layer: int, slots: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Write float[B, H, T, D] of one layer into its slots; return all, float[B, H, num_readable, D]."""
        if keys.requires_grad:
            raise ValueError("a cache is for inference: call the trunk inside torch.inference_mode()")
        rows = torch.arange(len(slots), device=slots.device)[:, None]
        self.keys[layer][rows, :, slots] = keys.transpose(1, 2).to(self.keys.dtype)
        self.values[layer][rows, :, slots] = values.transpose(1, 2).to(self.values.dtype)
        readable = self.num_readable
        return self.keys[layer, :, :, :readable].to(keys.dtype), self.values[layer, :, :, :readable].to(values.dtype)
