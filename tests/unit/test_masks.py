"""Masks of dropout: published vectors, NumPy against torch, shares, independence."""

import math

import numpy as np
import pytest
import torch

from spectral_relevance.masks import Masks, philox, round_keys

CPU = torch.device("cpu")
LAYERS = [(7, 0.5), (3, 0.2), (5, 0.01)]


def keys(*seeds: int) -> np.ndarray:
    sequences = [np.random.SeedSequence(seed) for seed in seeds]
    return np.stack([s.generate_state(2, np.uint64) for s in sequences])


def words(key: list[int], counter: int, blocks: int = 1) -> list[int]:
    """The blocks by torch, of counters whose upper words are 0."""
    held = torch.from_numpy(round_keys(np.array([key], np.uint64)).view(np.int64))
    counters = np.arange(blocks, dtype=np.uint64) + np.uint64(counter)
    found = philox(held, torch.from_numpy(counters.view(np.int64)))
    return found.numpy().view(np.uint64).flatten().tolist()


def reference(key: list[int], counter: list[int]) -> list[int]:
    """Philox 4×64-10 as it is written (Salmon et al.), in whole numbers."""
    low, high = key
    a, b, c, d = counter
    for _ in range(10):
        one, two = a * 0xD2E7470EE14C6C93, c * 0xCA5A826395121157
        a, b = (two >> 64) ^ b ^ low, two % 2**64
        c, d = (one >> 64) ^ d ^ high, one % 2**64
        low = (low + 0x9E3779B97F4A7C15) % 2**64
        high = (high + 0xBB67AE8584CAA73B) % 2**64
    return [a, b, c, d]


# Of the file kat_vectors of Random123, the authors' own library.
PUBLISHED = [
    (
        [0, 0],
        [0, 0, 0, 0],
        "16554d9eca36314c db20fe9d672d0fdc d7e772cee186176b 7e68b68aec7ba23b",
    ),
    (
        [2**64 - 1] * 2,
        [2**64 - 1] * 4,
        "87b092c3013fe90b 438c3c67be8d0224 9cc7d7c69cd777b6 a09caebf594f0ba0",
    ),
    (
        [0x452821E638D01377, 0xBE5466CF34E90C6C],
        [
            *(0x243F6A8885A308D3, 0x13198A2E03707344),
            *(0xA4093822299F31D0, 0x082EFA98EC4E6C89),
        ],
        "a528f45403e61d95 38c72dbd566e9788 a5a1610e72fd18b5 57bd43b5e52b7fe6",
    ),
]


@pytest.mark.parametrize(("key", "counter", "expected"), PUBLISHED)
def test_published_vectors(key, counter, expected):
    expected = [int(word, 16) for word in expected.split()]
    assert reference(key, counter) == expected
    # NumPy counts before it computes.
    number = sum(word << 64 * place for place, word in enumerate(counter))
    counted = (number - 1) % 2**256
    drawn = np.random.Philox(key=np.array(key, np.uint64), counter=counted)
    assert drawn.random_raw(4).tolist() == expected
    if not any(counter[1:]):
        assert words(key, counter[0]) == expected


@pytest.mark.parametrize("counter", [0, 1, 2**32 - 1, 2**32, 2**63, 2**64 - 1])
def test_torch_computes_blocks_of_any_key_and_counter(rng, counter):
    for _ in range(20):
        key = rng.integers(0, 2**64, 2, np.uint64).tolist()
        assert words(key, counter) == reference(key, [counter, 0, 0, 0])


def test_a_mask_is_a_function_of_seed_step_and_unit():
    masks = Masks(keys(3, 8), LAYERS, 9, CPU)
    assert masks.blocks == math.ceil(15 * 9 / 16)
    for step in (0, 1, 977):
        unit = 0
        for mask, (features, rate) in zip(masks.of_step(step), LAYERS, strict=True):
            assert mask.dtype == torch.uint8 and mask.shape == (2, features, 9)
            for feature in range(features):
                for example in range(9):
                    # The counters of a step follow those of the one before, from 1.
                    block, place = divmod(unit, 16)
                    counter = [step * masks.blocks + block + 1, 0, 0, 0]
                    for r, key in enumerate(masks.keys.tolist()):
                        word = reference(key, counter)[place // 4]
                        bits = word >> 16 * (place % 4) & 0xFFFF
                        kept = bits >= round(rate * 2**16)
                        assert mask[r, feature, example] == kept
                    unit += 1


@pytest.mark.parametrize("step", [0, 1, 12345, 10**8])
def test_torch_and_numpy_make_the_same_masks(step):
    masks = Masks(keys(0, 1, 2), LAYERS, 50, CPU)
    drawn, counted = masks.of_step(step), masks.of_step(torch.tensor(step))
    for one, other in zip(drawn, counted, strict=True):
        assert one.dtype == other.dtype and torch.equal(one, other)


def test_masks_are_those_of_a_single_run():
    together = Masks(keys(5, 6, 7), LAYERS, 10, CPU).of_step(4)
    alone = Masks(keys(6), LAYERS, 10, CPU).of_step(4)
    for several, one in zip(together, alone, strict=True):
        assert torch.equal(several[1:2], one)


@pytest.mark.parametrize("rate", [0.01, 0.2, 0.5, 0.9])
def test_a_share_of_the_units_is_dropped(seed, rate):
    n, features = 300, 200
    masks = Masks(keys(seed, seed + 1), [(features, rate)], n, CPU)
    dropped = np.concatenate([masks.of_step(s)[0].numpy() == 0 for s in range(2)])
    for share, count in (
        (dropped.mean(axis=(1, 2)), n * features),
        (dropped.mean(axis=1), features),
        (dropped.mean(axis=2), n),
    ):
        # More than 5 standard errors happen once in millions of shares; the binomial
        # law is skewed where few are expected, hence the two on top.
        error = math.sqrt(rate * (1 - rate) / count)
        assert np.abs(share - rate).max() < 5 * error + 2 / count
    # Neither steps nor replicas nor units repeat one another.
    assert len({mask.tobytes() for mask in dropped}) == 4
    if rate in (0.2, 0.5):
        assert len({unit.tobytes() for unit in dropped.reshape(-1, n)}) == 4 * features


def test_nothing_is_made_without_dropout():
    masks = Masks(keys(0), [], 9, CPU)
    assert masks.of_step(3) == masks.of_step(torch.tensor(3)) == []


def test_no_rate_overflows():
    masks = Masks(keys(0), [(1000, 1 - 1e-9)], 100, CPU)
    assert masks.of_step(0)[0].float().mean() < 1e-3
