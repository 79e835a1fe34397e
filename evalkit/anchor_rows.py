"""A judge's anchors: a small frozen set of answers with the verdict each deserves, read from a file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from evalkit.config.schema import FieldsSpec
from evalkit.digest import digest_json
from evalkit.errors import ConfigError, DatasetError
from evalkit.fields import SampleMaker
from evalkit.records import Json, Sample
from evalkit.rowfiles import read_rows

__all__ = ["Anchor", "AnchorSet", "Anchors", "read_anchors"]

_OWN = ("answer", "label", "value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchors:
    """Where a judge's anchors are, and how well it must agree with them.

    Attributes:
        path: a file of rows beside the config: the sample's columns, `answer`, and `label` or `value`.
        min_agreement: below this share of equal verdicts the judge decides no gate rule.
        tolerance: how far a rating may lie from an anchor's `value` and agree.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012  pydantic's way to refuse unknown keys

    path: str
    min_agreement: float = 0.9
    tolerance: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.min_agreement <= 1:
            raise ValueError("min_agreement must be above 0 and at most 1")
        if self.tolerance < 0:
            raise ValueError("tolerance must be at least 0")


@dataclass(frozen=True, slots=True)
class Anchor:
    """One graded answer; `deserved` is its score in [0, 1]."""

    sample: Sample
    answer: str
    deserved: float


@dataclass(frozen=True, slots=True)
class AnchorSet:
    """All anchors of a judge, and the digest that names them."""

    anchors: tuple[Anchor, ...]
    digest: str


def read_anchors(spec: Anchors, base_dir: Path, deserve: Callable[[Mapping[str, Json]], float]) -> AnchorSet:
    """Return the anchors of a file below `base_dir`; `deserve` reads the score that a row's label or value stands for.

    Raises:
        ConfigError: the file cannot be read, is empty, names an id twice, or a row has no answer or no verdict.
    """
    path = base_dir / spec.path
    maker = SampleMaker(FieldsSpec(), folder=path.parent)
    found: dict[str, Anchor] = {}
    rows: list[Json] = []
    twice = ""
    try:
        for index, row in enumerate(read_rows(path, spec.path)):
            anchor = _anchor(maker, row, index, deserve)
            if anchor.sample.id in found:
                twice = twice or f"anchor {index + 1}: the id {anchor.sample.id!r} is there twice"
            found[anchor.sample.id] = anchor
            rows.append([anchor.sample.digest, anchor.answer, anchor.deserved])
    except OSError as error:
        raise ConfigError(f"anchors: {path}: {error.strerror or error}") from None
    except (DatasetError, ValueError) as error:
        raise ConfigError(f"anchors: {error}") from None
    if twice:
        raise ConfigError(f"anchors: {path}: {twice}")
    if not found:
        raise ConfigError(f"anchors: {path} has no rows; write some graded answers, or leave anchors out")
    return AnchorSet(tuple(found.values()), digest_json(rows))


def _anchor(
    maker: SampleMaker, row: Mapping[str, Json], index: int, deserve: Callable[[Mapping[str, Json]], float]
) -> Anchor:
    where = f"anchor {index + 1}"
    answer = row.get("answer")
    if not isinstance(answer, str) or not answer.strip():
        raise DatasetError(f"{where} has no answer to judge")
    try:
        sample = maker.make({name: value for name, value in row.items() if name not in _OWN}, index)
        return Anchor(sample, answer, deserve(row))
    except (DatasetError, ValueError) as error:
        raise DatasetError(f"{where}: {error}") from None
