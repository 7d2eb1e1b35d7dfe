"""Which record comes when depends on nothing but the seed."""

from __future__ import annotations

import numpy as np
import pytest

from noria.training.sampler import Order, step_seed


@pytest.mark.parametrize("batch_size", [1, 3, 10, 25, 100])
def test_every_epoch_holds_every_record_once_whatever_the_batch_size(batch_size):
    stream = np.concatenate([Order(10, 5).indices(i * batch_size, batch_size) for i in range(-(-30 // batch_size))])
    for epoch in range(3):
        assert sorted(stream[10 * epoch : 10 * epoch + 10]) == list(range(10))
    np.testing.assert_array_equal(stream[:30], Order(10, 5).indices(0, 30))


def test_a_batch_is_the_same_whether_or_not_the_ones_before_were_asked_for():
    order = Order(1000, 7)
    before = [order.indices(i * 64, 64) for i in range(40)]
    np.testing.assert_array_equal(Order(1000, 7).indices(39 * 64, 64), before[39])
    np.testing.assert_array_equal(order.indices(0, 64), before[0])


def test_epochs_and_seeds_differ():
    assert not np.array_equal(Order(100, 0).indices(0, 100), Order(100, 0).indices(100, 100))
    assert not np.array_equal(Order(100, 0).indices(0, 100), Order(100, 1).indices(0, 100))


def test_the_seeds_of_steps_and_processes_are_all_different():
    seeds = {step_seed(seed, step, rank) for seed in range(3) for step in range(50) for rank in range(4)}
    assert len(seeds) == 600
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_records_of_like_length_share_a_batch_and_each_stands_once_an_epoch():
    lengths = np.random.default_rng(0).integers(1, 100, 1000)
    order = Order(1000, seed=3, lengths=lengths, batch_size=16)
    epoch = order.indices(0, 1000)
    assert sorted(epoch.tolist()) == list(range(1000))
    batches = [lengths[epoch[start : start + 16]] for start in range(0, 992, 16)]
    assert np.mean([np.ptp(batch) for batch in batches]) < 10  # of 99, if they were drawn at random
    means = np.array([batch.mean() for batch in batches])
    assert abs(np.corrcoef(means[:-1], means[1:])[0, 1]) < 0.4  # short ones do not come first
    again = Order(1000, seed=3, lengths=lengths, batch_size=16)
    assert np.array_equal(again.indices(500, 700), np.concatenate([epoch[500:], order.indices(1000, 200)]))
