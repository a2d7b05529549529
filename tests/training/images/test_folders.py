"""Image folders as people have them: read as they are meant, or refused in a line; no image is lost."""

import os
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from netspace.errors import DataError, NetspaceError
from netspace.training import DataSpec, load_data
from netspace.training.images.folders import read_folder, shown
from netspace.training.images.sources import fingerprint


def images(folder: Path | bytes, n: int = 3, ending: str = ".png", first: int = 0) -> None:
    """Write n small images into a folder."""
    folder = Path(os.fsdecode(folder))
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(first, first + n):
        Image.new("L", (4, 4), 10 * i % 256).save(folder / f"{i}{ending}", "PNG")


def understood(folder: Path, **columns: str) -> dict[str, dict[str, int]]:
    """Return the images of each class of each split; every image on disk must be kept or named as skipped."""
    found = read_folder(folder, **columns)
    on_disk = [
        Path(path) / name
        for path, _, names in os.walk(folder, followlinks=True)
        for name in names
        if name.lower().endswith((".png", ".jpg"))
    ]
    kept = [path for split in found.splits.values() for path in split.paths]
    skipped = [name for names in found.skipped.values() for name in names if name.lower().endswith((".png", ".jpg"))]
    assert len(set(kept)) == len(kept)
    assert len(kept) + len(skipped) == len(on_disk)
    return {
        name: {found.class_names[label]: count for label, count in sorted(Counter(split.labels.tolist()).items())}
        for name, split in found.splits.items()
    }


def test_whatever_lies_below_a_class_belongs_to_it(tmp_path):
    for path in ("cats/indoor", "cats/outdoor/night", "dogs", "dogs/train"):
        images(tmp_path / path)
    assert understood(tmp_path) == {"train": {"cats": 6, "dogs": 6}}


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (("Training", "Testing"), ("train", "test")),
        (("train", "val", "test"), ("train", "validation", "test")),
        (("TRAIN", "Valid"), ("train", "validation")),
        (("train", "dev"), ("train", "validation")),
        (("train", "validation"), ("train", "validation")),
        (("train",), ("train",)),
    ],
)
def test_top_level_folders_are_splits_in_any_case_and_by_their_usual_names(tmp_path, names, splits):
    for n, name in enumerate(names, 3):
        images(tmp_path / name / "ill", n)
        images(tmp_path / name / "healthy", n)
    assert understood(tmp_path) == {split: {"healthy": n, "ill": n} for n, split in enumerate(splits, 3)}


def test_names_of_files_and_classes_choose_no_split(tmp_path):
    for name in ("train", "car", "test drive"):
        images(tmp_path / name)
    Image.new("L", (4, 4)).save(tmp_path / "car" / "test_train_validation.png")
    assert understood(tmp_path) == {"train": {"car": 4, "test drive": 3, "train": 3}}


def test_links_are_followed_but_not_in_circles(tmp_path):
    images(tmp_path / "elsewhere" / "fox")
    root = tmp_path / "root"
    images(root / "cat")
    (root / "fox").symlink_to(tmp_path / "elsewhere" / "fox")
    (root / "cat" / "linked.png").symlink_to(root / "cat" / "0.png")
    (root / "cat" / "again").symlink_to(root)
    found = read_folder(root)
    assert Counter(found.splits["train"].labels.tolist()) == {0: 4, 1: 3}
    whole = tmp_path / "whole"
    whole.mkdir()
    (whole / "train").symlink_to(root)
    (root / "cat" / "again").unlink()
    assert understood(whole) == {"train": {"cat": 4, "fox": 3}}


def test_a_link_to_nothing_is_a_broken_image(tmp_path):
    images(tmp_path / "a", 4)
    images(tmp_path / "b", 4)
    (tmp_path / "a" / "gone.png").symlink_to(tmp_path / "nothing")
    with pytest.raises(DataError, match=r"broken image .*/a/gone\.png \(No such file or directory\)"):
        load_data(DataSpec(source=str(tmp_path)))
    data = load_data(DataSpec(source=str(tmp_path), broken="skip"))
    assert data.skipped == 1
    assert any(line.startswith("  skipped: 1 broken images: ") for line in data.summary)


def test_hidden_files_and_folders_are_skipped_and_named(tmp_path):
    images(tmp_path / "cat")
    images(tmp_path / "__background__")
    images(tmp_path / "cat" / ".ipynb_checkpoints", 1)
    images(tmp_path / "__MACOSX" / "cat", 2)
    (tmp_path / "dog" / ".cache").mkdir(parents=True)
    images(tmp_path / "dog")
    (tmp_path / "cat" / "._0.png").write_bytes(b"resource fork")
    (tmp_path / "cat" / ".DS_Store").write_bytes(b"")
    (tmp_path / "cat" / "Thumbs.db").write_bytes(b"")
    assert understood(tmp_path) == {"train": {"__background__": 3, "cat": 3, "dog": 3}}
    skipped = read_folder(tmp_path).skipped
    assert len(skipped["hidden"]) == 4
    assert skipped["no image by its ending"] == ("cat/Thumbs.db",)


def test_hidden_files_make_no_other_data_set(tmp_path):
    images(tmp_path / "cat")
    before = fingerprint(str(tmp_path))
    (tmp_path / "cat" / ".DS_Store").write_bytes(b"x")
    assert fingerprint(str(tmp_path)) == before
    images(tmp_path / "cat", 4)
    assert fingerprint(str(tmp_path)) != before


NAMES = ["[ab]*", "cat::dog", "a?b", "{x,y}", "quo'te", "back\\slash", " blank ", "%20", "$HOME", "train*", "1"]


def test_no_name_is_a_pattern(tmp_path):
    root = tmp_path / "data [v1] :: *"
    for name in NAMES:
        images(root / name, 2)
        Image.new("L", (4, 4)).save(root / name / "x[0-9]*::.png")
    assert understood(root) == {"train": dict.fromkeys(sorted(NAMES), 3)}
    assert load_data(DataSpec(source=str(root))).num_classes == len(NAMES)


def test_names_that_are_no_utf8_are_read_and_can_be_printed(tmp_path):
    images(os.fsencode(tmp_path) + b"/caf\xe9", 4)
    images(tmp_path / "tea", 4)
    Image.new("L", (4, 4)).save(tmp_path / "tea" / "x.png")
    (tmp_path / "tea" / "x.png").rename(os.fsdecode(os.fsencode(tmp_path) + b"/tea/\xff.png"))
    for storage in ("prepared", "streamed"):
        data = load_data(DataSpec(source=str(tmp_path), storage=storage))
        assert data.class_names == ("caf\\xe9", "tea")
        assert len(data.train_labels) + len(data.validation_labels) == 9
        np.asarray(data.train_images)
        "\n".join(data.summary).encode("utf-8")


def test_composed_and_decomposed_names_are_one_class(tmp_path):
    for split, form in (("train", "NFD"), ("test", "NFC")):
        images(tmp_path / split / unicodedata.normalize(form, "Café"))
        images(tmp_path / split / "tea")
    assert understood(tmp_path) == {split: {"Café": 3, "tea": 3} for split in ("train", "test")}
    assert shown(unicodedata.normalize("NFD", "é")) == "é"


def test_endings_are_read_in_any_case(tmp_path):
    images(tmp_path / "a", ending=".PNG")
    images(tmp_path / "b", ending=".jPg")
    assert understood(tmp_path) == {"train": {"a": 3, "b": 3}}


def test_images_of_kinds_that_pillow_cannot_read_do_not_vanish(tmp_path):
    images(tmp_path / "a", 4)
    images(tmp_path / "b", 4)
    (tmp_path / "a" / "phone.HEIC").write_bytes(b"ftypheic")
    with pytest.raises(DataError, match=r"broken image .*phone\.HEIC \(not an image that Pillow can read\)"):
        load_data(DataSpec(source=str(tmp_path)))


def test_images_beside_class_folders_are_skipped_and_named(tmp_path):
    for split in ("train", "test"):
        images(tmp_path / split / "a")
        images(tmp_path / split / "b")
    images(tmp_path, 2)
    images(tmp_path / "train", 1)
    assert understood(tmp_path)["train"] == {"a": 3, "b": 3}
    assert read_folder(tmp_path).skipped["in no class folder"] == ("train/0.png",)


def test_a_test_split_without_classes_is_skipped_and_named(tmp_path):
    images(tmp_path / "train" / "a")
    images(tmp_path / "train" / "b")
    images(tmp_path / "test", 5)
    assert understood(tmp_path) == {"train": {"a": 3, "b": 3}}


def made(*folders: str, n: int = 3):
    def make(root: Path) -> None:
        for folder in folders:
            images(root / folder, n)

    return make


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (made("."), r"its 3 images are not in class folders; make a folder for each class, or put a table beside them"),
        (made("train", "test"), r"train: its 3 images are not in class folders"),
        (made("val/a", "val/b"), r"has no training split, only 'val'; one folder must be called train"),
        (made("train/a", "train/b", "val/a"), r"'train' has 'b' and 'val' does not"),
        (made("train/a", "train/b", "test/a", "test/b", "test/c"), r"'test' has 'c' and 'train' does not"),
        (
            made("train/a", "train/b", "bus"),
            r"'train' is named like a split, but 'bus' beside it is not: move the classes",
        ),
        (made("train/a", "val/a", "dev/a"), r"both 'dev', 'val' are named like the validation split; rename one"),
        (made("set/a", "set/b"), r"holds one class, 'set'; .*; its folders 'a', 'b' are meant if .*/set is given"),
        (made("a"), r"holds one class, 'a'; valid: 2 or more$"),
        (lambda root: (root / "a").mkdir(), r"holds no image"),
        (lambda root: (made("a", "b")(root), (root / "c").mkdir()), r"/c: holds no image; remove the folder, or fill"),
        (lambda root: (root / "x.npy").write_bytes(b""), r"holds no image \(1 no image by its ending\)"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_to_do(tmp_path, make, message):
    make(tmp_path)
    with pytest.raises(DataError, match=message) as caught:
        load_data(DataSpec(source=str(tmp_path)))
    assert "\n" not in str(caught.value)


TABLES = {
    "plain": ("labels.csv", "file,label\n{rows}", ",", "{i}.png"),
    "semicolons and other names": ("list.CSV", "Class;Image Name;note\n{rows}", ";", "{i}.png"),
    "tabs": ("labels.tsv", "path\ttarget\n{rows}", "\t", "./{i}.png"),
    "no ending": ("labels.csv", "id,breed\n{rows}", ",", "{i}"),
    "no header": ("labels.csv", "{rows}", ",", "{i}.png"),
    "paths of elsewhere": ("labels.csv", "filename,label\n{rows}", ",", "C:\\Users\\ann\\{i}.png"),
    "byte order mark": ("labels.csv", "\ufefffile,label\n{rows}", ",", "{i}.png"),
}


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("inside", ["", "photos"])
def test_a_table_beside_flat_images_tells_their_classes(tmp_path, kind, inside):
    images(tmp_path / inside, 6)
    name, text, mark, called = TABLES[kind]
    cells = [(called.format(i=i), "odd" if i % 2 else "even") for i in range(5)]
    rows = [(label, file, "x") if "Class" in text else (file, label) for file, label in cells]
    (tmp_path / name).write_text(text.format(rows="\n".join(mark.join(row) for row in rows)), encoding="utf-8")
    assert understood(tmp_path) == {"train": {"even": 3, "odd": 2}}
    assert read_folder(tmp_path).skipped == {f"not in {name}": (f"{inside}/5.png".lstrip("/"),)}


def test_a_table_may_say_the_split_and_numbers_are_ordered_as_numbers(tmp_path):
    images(tmp_path, 8)
    rows = [f"{i}.png,{10 if i % 2 else 9},{'train' if i < 6 else 'Test'}" for i in range(8)]
    (tmp_path / "labels.csv").write_text("file,label,split\n" + "\n".join(rows))
    assert understood(tmp_path) == {"train": {"9": 3, "10": 3}, "test": {"9": 1, "10": 1}}


def test_each_split_may_have_its_table(tmp_path):
    for split in ("train", "test"):
        images(tmp_path / split, 4)
        (tmp_path / f"{split}.csv").write_text("id,label\n" + "".join(f"{split}/{i}.png,c{i % 2}\n" for i in range(4)))
    assert understood(tmp_path) == {split: {"c0": 2, "c1": 2} for split in ("train", "test")}


def test_json_lines_tell_classes_as_csv_does(tmp_path):
    images(tmp_path / "train", 4)
    lines = [f'{{"file_name": "{i}.png", "label": {i % 2}}}' for i in range(4)]
    (tmp_path / "train" / "metadata.jsonl").write_text("\n".join(lines))
    assert understood(tmp_path) == {"train": {"0": 2, "1": 2}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,label\n0.png,a\n9.png,b\n", r"labels\.csv, line 3: no image is called '9\.png'"),
        ("file,label\n0.png,a\n1.png,\n", r"labels\.csv, line 3: has no label"),
        ("file,label\n0.png,a\n0.png,b\n", r"line 3: '0\.png' has the label 'b', and above 'a'"),
        ("file,x,y1\n0.png,a,b\n", r"label_column must be named; columns: file, x, y1"),
        ("file,label\n", r"labels\.csv: has no row"),
        ("file,label,split\n0.png,a,holdout\n", r"'0\.png' is of the split 'holdout'; valid: train, training, "),
    ],
)
def test_a_table_that_cannot_be_right_is_refused_with_its_line(tmp_path, text, message):
    images(tmp_path, 4)
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_folder(tmp_path)


def test_the_columns_of_a_table_can_be_named(tmp_path):
    images(tmp_path, 4)
    (tmp_path / "labels.csv").write_text("file,x,y1\n" + "".join(f"{i}.png,{i},{i % 2}\n" for i in range(4)))
    assert understood(tmp_path, label_column="y1") == {"train": {"0": 2, "1": 2}}
    with pytest.raises(NetspaceError, match=r"unknown label column .*'y2'"):
        read_folder(tmp_path, label_column="y2")


def test_what_was_understood_is_told_as_a_small_tree(tmp_path):
    for split, n in (("Training", 6), ("Testing", 2)):
        images(tmp_path / split / "ill", n)
        images(tmp_path / split / "healthy", 2)
    images(tmp_path, 1)
    data = load_data(DataSpec(source=str(tmp_path), validation=2))
    assert data.summary == (
        str(tmp_path),
        "  train (Training): 8 images, 2 classes",
        "    healthy: 2",
        "    ill: 6",
        "  test (Testing): 4 images, 2 classes",
        "    healthy, ill: 2 each",
        "  skipped: 1 beside the split folders: 0.png",
        "  drawn: 6 images to train on, 2 to validate, set aside by seed 0 (stratified)",
    )


def test_a_path_that_is_not_there_is_never_looked_for_on_the_hub(tmp_path, monkeypatch):
    import huggingface_hub

    def asked(*_: object, **__: object) -> None:
        raise AssertionError("the hub was asked")

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", asked)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for source in ("./none", "/none", "~/none-of-that-name", "a/b/c", "none.parquet", "photos/none", "my photos"):
        with pytest.raises(DataError, match="no such file or folder"):
            load_data(DataSpec(source=source))


def test_the_hub_is_asked_once_and_for_a_short_time(monkeypatch):
    import huggingface_hub

    asked = []

    def unreachable(_: object, name: str, timeout: float) -> None:
        asked.append((name, timeout))
        raise OSError("no route")

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", unreachable)
    with pytest.raises(DataError, match="someone/of-no-name: not found locally or on the Hugging Face Hub"):
        load_data(DataSpec(source="someone/of-no-name"))
    assert asked == [("someone/of-no-name", 10.0)]
