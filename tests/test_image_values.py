"""What a row may give for its images, from every kind of value, and every fault told with the row."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest

from evalkit.config.schema import DatasetSpec
from evalkit.dataset import Dataset, load_dataset
from evalkit.errors import DatasetError
from evalkit.image_shelf import MOST_BYTES, ImageCount
from evalkit.image_values import MOST_IMAGES
from evalkit.records import Image
from tests.end_to_end.command import write_rows
from tests.pictures import BROKEN, KINDS, data_url, gif, jpeg, png, webp


def load(folder: Path, rows: list[dict[str, Any]], images: Any = "image", **fields: Any) -> Dataset:
    write_rows(folder, rows)
    spec = DatasetSpec(path="rows.jsonl", fields={"images": images, **fields})  # pyright: ignore[reportArgumentType]
    return load_dataset("pictures", spec, base_dir=folder)


def reference(data: bytes, kind: str = "png") -> str:
    return f"image:{hashlib.sha256(data).hexdigest()}.{kind}"


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("way", ["file", "another suffix", "data URL", "another type", "base64"])
def test_every_kind_in_every_way(tmp_path: Path, kind: str, way: str) -> None:
    data = KINDS[kind]
    (tmp_path / f"a.{kind}").write_bytes(data)
    (tmp_path / "a.dat").write_bytes(data)
    padded = data + bytes(60) if kind != "webp" else data
    text = base64.b64encode(padded).decode()
    given = {
        "file": f"a.{kind}",
        "another suffix": "a.dat",
        "data URL": data_url(data, f"image/{kind}"),
        "another type": data_url(data, "text/plain"),
        "base64": text if len(text) >= 40 else data_url(data),
    }[way]
    dataset = load(tmp_path, [{"input": "what?", "image": given}])
    (image,) = dataset.samples[0].images
    kept = padded if way == "base64" and len(text) >= 40 else data
    assert image == Image(reference(kept, kind), given if way in {"file", "another suffix"} else "", len(kept), 3, 2)
    assert dataset.images.read(image.reference) == kept
    assert dataset.images.count(dataset.samples) == ImageCount(1, 0, 1, len(kept))


def test_lists_columns_templates_and_nothing(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.png").write_bytes(png(grey=ord(name)))
    rows = [
        {"id": "list", "input": "x", "one": ["a.png", "b.png"], "two": None, "n": "c"},
        {"id": "two", "input": "x", "one": "a.png", "two": "b.png", "n": "c"},
        {"id": "nested", "input": "x", "one": [["a.png"], None, ""], "two": "", "n": "c"},
        {"id": "same", "input": "x", "one": "a.png", "two": "a.png", "n": "a"},
    ]
    dataset = load(tmp_path, rows, ["one", "two", "{{ n }}.png"])
    names = [[image.name for image in sample.images] for sample in dataset.samples]
    assert names == [
        ["a.png", "b.png", "c.png"],
        ["a.png", "b.png", "c.png"],
        ["a.png", "c.png"],
        ["a.png", "a.png", "a.png"],
    ]
    assert dataset.images.count(dataset.samples) == ImageCount(11, 0, 3, 3 * len(png()))


def test_an_address_is_passed_on_and_is_its_own_identity(tmp_path: Path) -> None:
    address = "https://example.com/pictures/a%20cat.png?size=2"
    dataset = load(tmp_path, [{"id": "1", "input": "x", "image": address}])
    (image,) = dataset.samples[0].images
    assert image == Image(address, "a cat.png")
    assert dataset.images.count(dataset.samples) == ImageCount(1, 1, 0, 0)
    other = load(tmp_path, [{"id": "1", "input": "x", "image": address + "1"}])
    assert other.digest != dataset.digest


def test_the_digest_covers_content_and_not_names(tmp_path: Path) -> None:
    for name, grey in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / f"{name}.png").write_bytes(png(grey=grey))
    rows = [[{"id": "1", "input": "x", "image": value}] for value in ("a.png", "b.png", "c.png", None)]
    a, b, c, none = (load(tmp_path, each).samples[0].digest for each in rows)
    assert a == b
    assert len({a, c, none}) == 3
    swapped = load(tmp_path, [{"id": "1", "input": "x", "image": ["c.png", "a.png"]}]).samples[0].digest
    assert swapped != load(tmp_path, [{"id": "1", "input": "x", "image": ["a.png", "c.png"]}]).samples[0].digest


def test_no_base64_stays_in_a_sample(tmp_path: Path) -> None:
    url = data_url(png())
    turns = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url, "detail": "low"}}]}]
    rows = [{"input": "x", "image": [url], "copy": {"of": url}, "turns": turns}]
    dataset = load(tmp_path, rows, messages="turns")
    (sample,) = dataset.samples
    assert "base64" not in repr(sample)
    assert sample.fields["copy"] == {"of": reference(png())}
    assert sample.messages is not None
    assert sample.messages[0].content[0]["image_url"] == {"url": reference(png()), "detail": "low"}
    assert dataset.images.count(dataset.samples) == ImageCount(2, 0, 1, len(png()))


def test_images_inside_an_input_of_parts(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    parts = [{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {"url": "a.png"}}]
    write_rows(tmp_path, [{"input": parts}])
    dataset = load_dataset("pictures", DatasetSpec(path="rows.jsonl"), base_dir=tmp_path)
    assert dataset.samples[0].input[1] == {"type": "image_url", "image_url": {"url": reference(png())}}
    assert dataset.images.count(dataset.samples).distinct == 1


def test_paths_start_at_the_file_that_names_them(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "a.png").write_bytes(png())
    (tmp_path / "b.png").write_bytes(png(grey=1))
    write_rows(data, [{"input": "x", "image": "a.png"}, {"input": "y", "image": str(tmp_path / "b.png")}])
    spec = DatasetSpec(path="data/*.jsonl", fields={"images": "image"})  # pyright: ignore[reportArgumentType]
    dataset = load_dataset("pictures", spec, base_dir=tmp_path)
    assert [sample.images[0].reference for sample in dataset.samples] == [reference(png()), reference(png(grey=1))]
    inline = DatasetSpec(rows=[{"input": "x", "image": "b.png"}], fields={"images": "image"})  # pyright: ignore[reportArgumentType]
    assert load_dataset("inline", inline, base_dir=tmp_path).samples[0].images[0].name == "b.png"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("gone.png", "the image 'gone.png' is not there: no file {folder}/gone.png"),
        ("sub", "the image 'sub' is a folder"),
        ("../out.png", "the image '../out.png' lies outside {folder}; write an absolute path if it is meant"),
        ("out/link.png", "the image 'out/link.png' lies outside {folder}; write an absolute path if it is meant"),
        (["ok.png", "gone.png"], "the image 'gone.png' is not there: no file {folder}/gone.png"),
        ("s3://bucket/a.png", "the image 's3://bucket/a.png' is at s3://, which no model reads; give http, https, a"),
        ("http://", "the image 'http://' is no valid address"),
        ("https://a b/c.png", "the image 'https://a b/c.png' is no valid address"),
        ("https://[::1/c.png", "the image 'https://[::1/c.png' is no valid address"),
        ("https://me:secret@example.com/a.png", "the image 'https://example.com/a.png' has a user or password in"),
        ("data:image/png;base64", "the image is a data: URL without a comma before its data"),
        ("data:image/png;base64,%%%", "the image is not base64: "),
        ("data:image/png,hello", "the image is no image by its first bytes; models take PNG, JPEG, WebP or GIF"),
        ("data:,", "the image is empty; models take"),
        (7, "the image must be a path, an address, a data: URL, bytes or {{bytes, path}}"),
        ({"bytes": None}, "the image must be a path, an address, a data: URL, bytes or {{bytes, path}}"),
        ({"path": "gone.png", "bytes": None}, "the image 'gone.png' is not there"),
        (["ok.png"] * (MOST_IMAGES + 1), f"gives {MOST_IMAGES + 1} images; a sample takes at most {MOST_IMAGES}"),
        ("large.png", "the image 'large.png' has 20.0 MB; at most 20 MB are sent; make it smaller"),
    ],
)
def test_every_fault_is_told_with_its_row(tmp_path: Path, value: Any, message: str) -> None:
    folder = tmp_path / "data"
    for each in (folder / "sub", tmp_path / "elsewhere"):
        each.mkdir(parents=True)
    (folder / "ok.png").write_bytes(png())
    (tmp_path / "out.png").write_bytes(png())
    (tmp_path / "elsewhere" / "link.png").write_bytes(png())
    (folder / "out").symlink_to(tmp_path / "elsewhere")
    with (folder / "large.png").open("wb") as large:
        large.truncate(MOST_BYTES + 1)
    with pytest.raises(DatasetError) as caught:
        load(folder, [{"input": "fine", "image": "ok.png"}, {"input": "x", "image": value}])
    assert message.format(folder=folder) in str(caught.value)
    assert str(caught.value).startswith("dataset 'pictures': rows.jsonl:2: ")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("data", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(DatasetError) as caught:
        load(tmp_path, [{"input": "x", "image": "a.png"}])
    assert f"dataset 'pictures': rows.jsonl:1: the image 'a.png' {message}" in str(caught.value)


def test_all_broken_images_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "ok.png").write_bytes(png())
    rows = [{"input": f"q{n}", "image": f"{n}.png" if n % 2 else "ok.png"} for n in range(50)]
    with pytest.raises(DatasetError) as caught:
        load(tmp_path, rows)
    assert str(caught.value).count("is not there") == 20
    assert str(caught.value).endswith("; and 5 more")


def test_a_function_may_give_bytes_or_samples_that_name_files(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "pictured_rows.py").write_text(
        "from pathlib import Path\n"
        "from evalkit.records import Sample\n"
        "def samples():\n    yield Sample('1', 'x', images=('a.png',))\n"
        "def rows():\n    yield {'id': '1', 'input': 'x', 'image': Path(__file__).with_name('a.png').read_bytes()}\n"
    )
    made = load_dataset("p", DatasetSpec(python="pictured_rows:samples"), base_dir=tmp_path)
    assert [image.reference for image in made.samples[0].images] == [reference(png())]
    spec = DatasetSpec(python="pictured_rows:rows", fields={"images": "image"})  # pyright: ignore[reportArgumentType]
    (row,) = load_dataset("p", spec, base_dir=tmp_path).samples
    assert row.images[0].reference == reference(png())
    assert row.fields["image"] == reference(png())
    with pytest.raises(DatasetError, match="image holds bytes, which has no JSON form; if it is an image, say fields"):
        load_dataset("p", DatasetSpec(python="pictured_rows:rows"), base_dir=tmp_path)


def test_a_parquet_file_of_images(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    images = [{"bytes": png(), "path": "cats/a.png"}, {"bytes": None, "path": "b.gif"}, None]
    columns = {"input": ["x", "y", "z"], "image": images, "raw": [jpeg(), None, webp()], "other": [b"1", b"2", b"3"]}
    parquet.write_table(pa.table(columns), tmp_path / "rows.parquet")
    (tmp_path / "b.gif").write_bytes(gif())
    spec = DatasetSpec(path="rows.parquet", fields={"images": ["{{ image }}", "raw"]})  # pyright: ignore[reportArgumentType]
    dataset = load_dataset("pictures", spec, base_dir=tmp_path)
    assert [[image.name for image in sample.images] for sample in dataset.samples] == [["a.png", ""], ["b.gif"], [""]]
    assert dataset.samples[0].fields["image"] == {"bytes": reference(png()), "path": "cats/a.png"}
    assert dataset.samples[0].fields["other"] == f"sha256:{hashlib.sha256(b'1').hexdigest()}"


def test_a_file_that_changes_after_it_was_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    dataset = load(tmp_path, [{"input": "x", "image": "a.png"}])
    name = dataset.samples[0].images[0].reference
    (tmp_path / "a.png").write_bytes(png(grey=1))
    with pytest.raises(DatasetError, match=r"a\.png: the image changed since the dataset was read"):
        dataset.images.read(name)
    (tmp_path / "a.png").unlink()
    with pytest.raises(DatasetError, match=r"a\.png: cannot be read any more"):
        dataset.images.read(name)


@pytest.mark.parametrize(
    ("row", "sample_id", "digest", "dataset_digest"),
    [
        ({"id": "1", "input": "q", "target": "t"}, "1", "8bc89101288e439645625b6f3f6bb3a0", "605db70dba38d4eb"),
        ({"input": "q", "target": "t"}, "4f09ad98cefe", "dd45cb0ea4c6bf166e1a491b1fb3215f", "2530798c1a4eb8f2"),
        (
            {"id": "1", "turns": [{"role": "user", "content": [{"type": "text", "text": "q"}]}]},
            "1",
            "51c76d7e2a43ec6cac9c9b7713d3e6ee",
            "bf098d65fff6f810",
        ),
    ],
    ids=["with an id", "by its hash", "messages of parts"],
)
def test_text_only_samples_keep_their_digests(
    row: dict[str, Any], sample_id: str, digest: str, dataset_digest: str
) -> None:
    fields: Any = {"messages": "turns"} if "turns" in row else {}
    dataset = load_dataset("text", DatasetSpec(rows=[row], fields=fields), base_dir=Path())
    (sample,) = dataset.samples
    assert (sample.id, sample.digest, sample.images) == (sample_id, digest, ())
    assert dataset.digest.startswith(dataset_digest)
