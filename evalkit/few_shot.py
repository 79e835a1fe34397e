"""Which samples of a pool are shown before a question; never the question itself."""

import random
from collections.abc import Iterator, Sequence
from functools import lru_cache

from evalkit.config.schema import FewShotSpec
from evalkit.errors import ConfigError
from evalkit.records import Sample

__all__ = ["select_shots"]


def select_shots(spec: FewShotSpec, pool: Sequence[Sample], sample: Sample) -> tuple[Sample, ...]:
    """Return `spec.n` samples of `pool` to show before `sample`, in the order in which they are shown.

    `first` takes them from the pool's start, `fixed` from one seeded order for all samples, `random` from a seeded
    order of this sample's own. A sample that is the question, or asks the same, is passed over.

    Raises:
        ConfigError: the pool has too few other samples.
    """
    chosen: list[Sample] = []
    for place in _order(spec, len(pool), sample.id):
        if not _is_same(pool[place], sample):
            chosen.append(pool[place])
            if len(chosen) == spec.n:
                return tuple(chosen)
    raise ConfigError(
        f"prompt: few_shot wants {spec.n} samples of {spec.dataset!r}, which has only {len(chosen)} beside sample "
        f"{sample.id!r}; lower n or name a larger dataset"
    )


def _is_same(shot: Sample, sample: Sample) -> bool:
    same_messages = shot.messages == sample.messages
    return (shot.id == sample.id and shot.digest == sample.digest) or (shot.input == sample.input and same_messages)


def _order(spec: FewShotSpec, size: int, sample_id: str) -> Iterator[int]:
    if spec.select == "first":
        return iter(range(size))
    if spec.select == "fixed":
        return iter(_shuffled(spec.seed, size))
    return _drawn(random.Random(f"{spec.seed}\n{sample_id}"), size)  # noqa: S311  a seeded choice, not a secret


@lru_cache(maxsize=16)
def _shuffled(seed: int, size: int) -> tuple[int, ...]:
    return tuple(_drawn(random.Random(f"{seed}"), size))  # noqa: S311  a seeded choice, not a secret


def _drawn(source: random.Random, size: int) -> Iterator[int]:
    """Yield a random order of `range(size)` one by one: a pool of a million is not shuffled for five shots."""
    moved: dict[int, int] = {}
    for end in range(size, 0, -1):
        place = int(source.random() * end)
        yield moved.get(place, place)
        moved[place] = moved.get(end - 1, end - 1)
