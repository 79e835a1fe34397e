"""A dataset's spec to its samples: read, filtered, made, ordered, cut and checked.

Steps, in this order: `where` leaves rows out, `shuffle` orders what is left, `sample` draws a subset, `limit` cuts it.
Reading stops as soon as nothing further can matter.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import cast

from evalkit.config.schema import DatasetSpec, SampleSpec
from evalkit.digest import digest_json
from evalkit.errors import ConfigError, DatasetError
from evalkit.expressions import compile_condition, compile_pick
from evalkit.fields import SampleMaker, as_row
from evalkit.image_shelf import ImageShelf
from evalkit.located import place_of
from evalkit.protocols import Row, Source
from evalkit.records import Json, Sample
from evalkit.registry import Registry
from evalkit.shapes import single_text
from evalkit.subset import draw, draw_stratified, shuffle

__all__ = ["Dataset", "dataset_digest", "load_dataset"]

_SOURCES = ("path", "hf", "weave", "rows", "python")
_OF_HF = ("config", "split", "revision", "streaming")
_BY_PLACE = "row-{{ index }}"
_MOST_FAULTS = 20


@dataclass(frozen=True, slots=True)
class Dataset:
    """Samples in their order, with unique ids.

    `digest` covers the (id, content digest) of every sample in order: Weave's own digest of the rows depends on order
    too. `raw_rows` counts the rows read, before `where`. `provenance` says what a source pinned, such as a revision;
    `images` knows where the bytes of the samples' images are.
    """

    name: str
    samples: tuple[Sample, ...]
    digest: str
    raw_rows: int
    provenance: Mapping[str, Json] = field(default_factory=dict[str, Json])
    images: ImageShelf = field(default_factory=ImageShelf, repr=False, compare=False)


def load_dataset(name: str, spec: DatasetSpec, *, base_dir: Path, group_by: str | None = None) -> Dataset:
    """Read one dataset of a config.

    Args:
        name: its key in the config, for errors.
        spec: its source, fields and steps.
        base_dir: where relative paths start: the config's folder.
        group_by: the column of `stats.group_by`, used where `fields.group` is not given.

    Raises:
        DatasetError: rows cannot be read or made samples, ids clash, nothing is left, or `expect` is not met.
    """
    try:
        return _load(name, spec, base_dir, group_by)
    except ConfigError as error:
        raise DatasetError(f"dataset {name!r}: {error}") from error.__cause__


def dataset_digest(samples: Iterable[Sample]) -> str:
    """Return the digest of samples in their order."""
    return digest_json([[sample.id, sample.digest] for sample in samples])


def _load(name: str, spec: DatasetSpec, base_dir: Path, group_by: str | None) -> Dataset:
    source = _source(spec, base_dir)
    maker = SampleMaker(spec.fields, group_by, folder=base_dir if spec.hf is None else base_dir / spec.hf)
    reader = _Reader(source, spec, maker)
    samples = tuple(_cut(reader, spec))
    reader.refuse_faults()
    if not samples:
        raise DatasetError(f"none of the {reader.rows} rows is left; check where: {spec.where}")
    digest = dataset_digest(samples)
    _check_expected(spec, len(samples), digest)
    return Dataset(name, samples, digest, reader.rows, dict(getattr(source, "resolved", {})), maker.shelf)


def _source(spec: DatasetSpec, base_dir: Path) -> Source:
    keys = [key for key in _SOURCES if getattr(spec, key) is not None]
    if len(keys) != 1:
        raise DatasetError(f"needs exactly one source, of {', '.join(_SOURCES)}; it has {' and '.join(keys) or 'none'}")
    registry = Registry("evalkit.sources")
    if keys[0] not in registry.names():
        raise DatasetError(f"the source {keys[0]!r} is not yet available")
    plugin = registry.plugin(keys[0])
    options = {option.name for option in dataclasses.fields(plugin) if option.init}
    for key in _OF_HF:
        if key in spec.model_fields_set and getattr(spec, key) and key not in options:
            raise DatasetError(f"{key} is an option of hf; this dataset reads {keys[0]}")
    given = {"base_dir": base_dir, **{key: getattr(spec, key) for key in (*_SOURCES, *_OF_HF)}}
    return cast("Source", plugin(**{key: value for key, value in given.items() if key in options}))


class _Reader:
    """Makes samples of the rows that `where` keeps, while counting rows and refusing a second use of an id."""

    def __init__(self, source: Source, spec: DatasetSpec, maker: SampleMaker) -> None:
        self.rows = 0
        self._source = source
        self._keeps = None if spec.where is None else compile_condition(spec.where, "where")
        self._maker = maker
        self._seen: dict[str, tuple[Row | Sample, int]] = {}
        self._faults: list[str] = []

    def refuse_faults(self) -> None:
        """Raise for every image that cannot be used, of all rows that were read.

        Raises:
            DatasetError: there is one.
        """
        if not self._faults:
            return
        more = len(self._faults) - _MOST_FAULTS
        rest = [f"and {more} more"] if more > 0 else []
        raise DatasetError("; ".join([*self._faults[:_MOST_FAULTS], *rest]))

    def __iter__(self) -> Iterator[Sample]:
        for index, item in enumerate(self._source.load()):
            self.rows = index + 1
            try:
                sample = self._sample(item, index)
            except (DatasetError, ValueError) as error:
                raise DatasetError(f"{place_of(item, index)}: {error}") from None
            if sample is not None:
                yield sample

    def _sample(self, item: Row | Sample, index: int) -> Sample | None:
        if self._keeps is not None and not self._keeps(as_row(item), index):
            return None
        sample = self._maker.adopt(item, index) if isinstance(item, Sample) else self._maker.make(item, index)
        self._faults.extend(f"{place_of(item, index)}: {fault}" for fault in self._maker.faults)
        item = item if isinstance(item, Sample) else cast("Row", sample.fields)
        if (first := self._seen.setdefault(sample.id, (item, index)))[1] != index:
            raise DatasetError(self._clash(sample, first, item))
        return sample

    def _clash(self, sample: Sample, first: tuple[Row | Sample, int], item: Row | Sample) -> str:
        where = place_of(*first)
        if self._maker.hashes_ids and first[0] == item:
            return (
                f"the same row as {where}, and neither has an id; remove one, or set fields.id, such as {_BY_PLACE!r}"
            )
        return f"the id {sample.id!r} is already that of {where}; ids must be unique (fields.id names the column)"


def _cut(samples: Iterable[Sample], spec: DatasetSpec) -> Iterable[Sample]:
    """Shuffle, sample and limit, without reading more than that needs."""
    if spec.shuffle:
        samples = shuffle(list(samples), spec.seed)
    if spec.sample is not None:
        samples = _sampled(
            samples, SampleSpec(n=spec.sample) if isinstance(spec.sample, int) else spec.sample, spec.seed
        )
    return islice(samples, spec.limit)


def _sampled(samples: Iterable[Sample], wanted: SampleSpec, seed: int) -> Iterable[Sample]:
    if (wanted.by is None) == (wanted.method == "stratified"):
        raise DatasetError("sample: method stratified needs by, the column that strata are made of; no other takes it")
    if wanted.method == "head":
        return islice(samples, wanted.n)
    if wanted.by is None:
        return draw(list(samples), wanted.n, seed)
    pick = compile_pick(wanted.by, "sample.by")
    return draw_stratified(list(samples), wanted.n, seed, lambda s: single_text(pick(s.fields, s.index), "sample.by"))


def _check_expected(spec: DatasetSpec, rows: int, digest: str) -> None:
    """Compare with `expect`, which speaks of what is left after every step."""
    expect = spec.expect
    if expect is None:
        return
    steps = [step for step in ("where", "shuffle", "sample", "limit") if getattr(spec, step)]
    after = f" after {', '.join(steps)}" if steps else ""
    if expect.rows is not None and expect.rows != rows:
        raise DatasetError(
            f"expect.rows is {expect.rows}, but there are {rows}{after}; the data changed, or expect is old"
        )
    if expect.digest is not None and expect.digest != digest:
        raise DatasetError(
            f"expect.digest is {expect.digest}, but it is {digest}{after}; the data changed, or expect is old"
        )
