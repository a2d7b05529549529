"""Inputs that nobody means: every kind of file a user may hand in, mutated, and what netspace says to them.

    nice -n 10 uv run python tests/hostile_inputs.py --inputs 10000 --seed 0

prints, for each kind, how many mutated inputs were taken, how many were refused in one line, and how many ended in a
traceback, took more than 10 s, or had the process take more than 2 GB. The tests run a few of each kind.
"""

import argparse
import io
import json
import os
import random
import resource
import shutil
import sqlite3
import struct
import tarfile
import tempfile
import time
import traceback
import warnings
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from netspace.errors import NetspaceError, one_line

SECONDS, GIGABYTES, LONGEST = 10.0, 2.0, 2200

ODD: list[Any] = [
    None, True, -1, 0, 1, 1e300, -1e-300, float("nan"), float("inf"), 10**400, 2**63, "", " ", "nan", "1e999", "\x00",
    "\ud800", "\u202egnp.exe", "../../etc/passwd", "a" * 100_000, "=1+1", "'; DROP TABLE runs; --", "{}", [], {}, [[]],
    [None], {"": {}}, [1] * 1000, {"a": [{"b": None}]}, "\r\n", "1:2:3", "${HOME}", "!!python/object:os.system", "%",
]  # fmt: skip
"""Values that take the place of others."""


def mutated(value: Any, rng: random.Random) -> Any:
    """Return a document with one place of it changed."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        copy, key = dict(value), rng.choice(list(value))
        fate = rng.random()
        if fate < 0.1:
            del copy[key]
        elif fate < 0.2:
            copy[rng.choice(["", "a" * 300, "\u202e", "unknown", "n"])] = copy.pop(key)
        else:
            copy[key] = mutated(copy[key], rng)
        return copy
    if isinstance(value, list) and value and rng.random() < 0.9:
        copy, place = list(value), rng.randrange(len(value))
        fate = rng.random()
        if fate < 0.1:
            del copy[place]
        elif fate < 0.2:
            copy += copy[place : place + 1] * rng.choice([1, 50])
        else:
            copy[place] = mutated(copy[place], rng)
        return copy
    return rng.choice(ODD)


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Return bytes cut off, flipped, emptied, repeated or overwritten somewhere."""
    if not content:
        return rng.randbytes(20)
    place = rng.randrange(len(content))
    length = rng.choice([1, 1, 1, 4, 50, 1000])
    fate = rng.randrange(6)
    if fate == 0:
        return content[:place]
    if fate == 1:
        return content[:place] + bytes([content[place] ^ (1 << rng.randrange(8))]) + content[place + 1 :]
    if fate == 2:
        return content[:place] + rng.randbytes(length) + content[place + length :]
    if fate == 3:
        return content[:place] + bytes(length) + content[place + length :]
    if fate == 4:
        return content[:place] + content[place : place + length] * 3 + content[place + length :]
    return content[:place] + content[place + length :]


def written(content: Any, rng: random.Random, dump: Callable[[Any], str]) -> bytes:
    """Return a document changed in a few places, or its text damaged, or one of the bombs."""
    fate = rng.random()
    if fate < 0.03:
        return rng.choice([b"[" * 100_000, b'{"a":' * 100_000, b'"\\ud800"', b"", b"\xff\xfe", b"1" * 10_000, BOMB])
    for _ in range(rng.choice([1, 1, 2, 4])):
        content = mutated(content, rng)
    text = dump(content).encode("utf-8", "surrogatepass")
    return damaged(text, rng) if fate < 0.3 else text


BOMB = "\n".join(
    [
        "a: &a [x, x, x, x, x, x, x, x, x]",
        *(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
    ]
).encode()
"""A few lines of YAML that stand for hundreds of millions of values."""


def as_yaml(content: Any) -> str:
    return yaml.safe_dump(content, allow_unicode=False)


SPACE = {
    "base": "AnyNetXA", "name": "own", "parameters": {"width": {"log_uniform": [8, 64], "step": 8}},
    "constraints": [{"non_decreasing": "width"}, {"where": "depth <= 12"}],
}  # fmt: skip
STUDY = {
    "name": "odd", "spaces": ["RegNetX", SPACE], "n": 3, "seed": 1, "flops": "20K:150K", "resolution": 20,
    "data": {"source": "mnist-5k", "train": 256, "validation": 100},
    "network": {"stem": {"kind": "simple", "width": 8}}, "recipe": {"base": "quick", "epochs": 1},
    "stop": {"alpha": 0.05}, "claims": ["RegNetX better than own"],
}  # fmt: skip
NETWORK = {
    "block": "bottleneck", "stem": {"kind": "simple", "width": 8},
    "stages": {"depths": [1, 2], "widths": [16, 32], "strides": [2, 2], "bottleneck_ratios": [1, 1],
               "group_widths": [8, 8]}, "se_ratio": 0.25, "head_width": 0, "activation": "relu", "num_classes": 10,
}  # fmt: skip
PYCLS = [
    {
        "cfg": {
            "MODEL": {"TYPE": "regnet", "NUM_CLASSES": 10},
            "REGNET": {"STEM_TYPE": "simple_stem_in", "STEM_W": 32, "BLOCK_TYPE": "res_bottleneck_block", "DEPTH": 13,
                       "W0": 24, "WA": 36.4, "WM": 2.5, "GROUP_W": 8, "BOT_MUL": 1.0, "STRIDE": 2},
            "OPTIM": {"BASE_LR": 0.1, "WEIGHT_DECAY": 5e-5}, "RNG_SEED": 3,
        },
        "complexity": {"flops": 2e8, "params": 3e6, "acts": 1e6},
        "test_epoch": {"top1_err": [80.0, 50.0 + job], "epoch_ind": [1, 2], "epoch_max": [2, 2]},
        "train_epoch": {"loss": [2.0, 1.0], "lr": [0.1, 0.05], "time_epoch": [1.0, 1.0]},
    }
    for job in range(3)
]  # fmt: skip
NDS = [
    {"net": {"ds": [1, 2], "ws": [16, 32], "bot_muls": [1, 1], "num_gs": [1, 2]}, "flops": 1e8, "params": 1e6,
     "optim": {"base_lr": 0.1, "wd": 1e-4, "max_ep": 2}, "rng_seed": 1, "test_ep_top1": [50, 40 + job],
     "train_ep_loss": [1, 0.5]}
    for job in range(3)
]  # fmt: skip
ROWS = [
    {"space": "AB"[row % 2], "error": 30.0 + row, "status": "done", "flops": 1000, "params": 10, "activations": 5,
     "seconds": 1.5, "seed": row, "depth": row % 3, "message": None}
    for row in range(8)
]  # fmt: skip
URL = "postgresql://user:secret@127.0.0.1:1/results?connect_timeout=1&application_name=x"


def study_file(folder: Path, rng: random.Random) -> None:
    from netspace.study import Study

    path = folder / "study.yaml"
    path.write_bytes(written(STUDY, rng, as_yaml))
    study = Study.from_yaml(path)
    _ = study.spec.windows, study.declared_spaces


def space_file(folder: Path, rng: random.Random) -> None:
    from netspace.space import load

    path = folder / "space.yaml"
    path.write_bytes(written(SPACE, rng, as_yaml))
    load(str(path)).sample(2, seed=0, resolution=32)


def network_file(folder: Path, rng: random.Random) -> None:
    from netspace.arch import AnyNetConfig, complexity

    path = folder / "network.yaml"
    path.write_bytes(written(NETWORK, rng, as_yaml))
    complexity(AnyNetConfig.from_yaml(path), resolution=32)


def imported(path: Path) -> None:
    from netspace.results.imported import import_results
    from netspace.results.verdicts import study_verdicts
    from netspace.store import Store

    with Store.open(path.with_name("imported.db")) as store:
        record = import_results(store, "odd", [path])
        store.frame(record.id)
        if len(store.counts(record.id)) > 1:
            study_verdicts(store, "odd", None)


def sweep(content: Any) -> Callable[[Path, random.Random], None]:
    def use(folder: Path, rng: random.Random) -> None:
        (folder / "sweep.json").write_bytes(written(content, rng, json.dumps))
        imported(folder / "sweep.json")

    return use


def csv_table(folder: Path, rng: random.Random) -> None:
    rows = [dict(row) for row in ROWS]
    for _ in range(rng.choice([0, 1, 3])):
        rng.choice(rows)[rng.choice(list(ROWS[0]))] = rng.choice(ODD)
    lines = [",".join(ROWS[0]), *(",".join(map(str, row.values())) for row in rows)]
    text = "\n".join(lines).encode("utf-8", "surrogatepass")
    (folder / "table.csv").write_bytes(damaged(text, rng) if rng.random() < 0.7 else text)
    imported(folder / "table.csv")


def json_lines(folder: Path, rng: random.Random) -> None:
    content = written(ROWS, rng, lambda rows: "\n".join(map(json.dumps, rows if isinstance(rows, list) else [rows])))
    (folder / "table.jsonl").write_bytes(content)
    imported(folder / "table.jsonl")


def parquet(folder: Path, rng: random.Random) -> None:
    import pandas as pd

    path = folder / "table.parquet"
    pd.DataFrame(ROWS).to_parquet(path)
    path.write_bytes(damaged(path.read_bytes(), rng))
    imported(path)


def _store(folder: Path) -> Path:
    """Return the path of a store of a small study that has ended."""
    from netspace.results.imported import import_results
    from netspace.store import Store

    path = folder / "study.db"
    (folder / "a.json").write_text(json.dumps(PYCLS))
    (folder / "b.json").write_text(json.dumps(NDS))
    with Store.open(path) as store:
        import_results(store, "odd", [folder / "a.json", folder / "b.json"])
    return path


def _read_store(path: Path) -> None:
    from netspace.results.standing import standing
    from netspace.results.study_tables import study_tables
    from netspace.results.verdicts import study_verdicts
    from netspace.store import Store

    with Store.open(path, create=False) as store:
        for record in store.studies():
            standing(record, store)
            store.frame(record.id)
            store.curves(record.id)
            study_verdicts(store, record.name, None)
            study_tables(store, record.name)


def damaged_store(folder: Path, rng: random.Random) -> None:
    path = _store(folder)
    path.write_bytes(damaged(path.read_bytes(), rng))
    _read_store(path)


def foreign_values(folder: Path, rng: random.Random) -> None:
    path = _store(folder)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA ignore_check_constraints = 1")
    table = rng.choice(["runs", "runs", "studies", "curves", "meta"])
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    value = rng.choice([None, "x", "", b"\xff\x00", -1, 10**17, 1e308, "[]", "{}", "null", '{"n": []}', "[" * 5000])
    if rng.random() < 0.4:
        table, columns = "studies", ["spec"]
        spec = json.loads(connection.execute("SELECT spec FROM studies").fetchone()[0])
        value = json.dumps(mutated(spec, rng))
    try:
        connection.execute(f'UPDATE {table} SET "{rng.choice(columns)}" = ? WHERE rowid % 2 = 1', [value])
        connection.commit()
    except sqlite3.Error:
        pass  # the database itself refuses it
    connection.close()
    _read_store(path)


def store_url(_folder: Path, rng: random.Random) -> None:
    from netspace.store import Store

    url = damaged(URL.encode(), rng).decode("utf-8", "replace")
    if "://" in url and not url.startswith("sqlite"):
        Store.open(url, create=False)


def bomb(rng: random.Random) -> bytes:
    """Return a small picture that says, or is, one of very many pixels."""
    from PIL import Image

    side = rng.choice([20_000, 60_000, 2**31 - 1])
    kind = rng.choice(["says so", "bmp", "gif frames", "is one"])
    buffer = io.BytesIO()
    if kind == "gif frames":
        frames = [Image.new("L", (20, 20), shade % 256) for shade in range(2000)]
        frames[0].save(buffer, "gif", save_all=True, append_images=frames[1:])
    elif kind == "is one":  # a hundred million pixels of one colour in a hundred kilobytes
        Image.new("1", (10_000, 10_000)).save(buffer, "png")
    else:
        Image.new("L", (20, 20)).save(buffer, "bmp" if kind == "bmp" else "png")
    content = bytearray(buffer.getvalue())
    if kind == "bmp":
        content[18:26] = struct.pack("<ii", side, side)
    elif kind == "says so":
        content[16:24] = struct.pack(">II", side, side)
        content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))
    return bytes(content)


def picture(folder: Path, rng: random.Random) -> None:
    from PIL import Image

    from netspace.training.images.data import DataSpec, load_data

    for name in ("no", "yes"):
        (folder / "images" / name).mkdir(parents=True)
        for number in range(4):
            Image.fromarray(np.full((20, 20), 60 * number, np.uint8)).save(folder / "images" / name / f"{number}.png")
    path = folder / "images" / "yes" / "1.png"
    path.write_bytes(bomb(rng) if rng.random() < 0.1 else damaged(path.read_bytes(), rng))
    load_data(DataSpec(source=str(folder / "images"), validation=2))


def image_archive(folder: Path, rng: random.Random) -> None:
    from PIL import Image

    from netspace.training.images.data import DataSpec, load_data

    buffer = io.BytesIO()
    Image.fromarray(np.zeros((20, 20), np.uint8)).save(buffer, "png")
    odd = [
        "../out.png",
        "../../out.png",
        "/etc/x.png",
        "a/../../out.png",
        "a" * 200 + ".png",
        "\u202e.png",
        "000001.png",
    ]
    with tarfile.open(folder / "images-000.tar", "w") as tar:
        for number in range(8):
            name = f"{number:06}" if rng.random() < 0.8 else rng.choice(odd).removesuffix(".png")
            for ending, content in ((".png", buffer.getvalue()), (".cls", str(number % 2).encode())):
                member = tarfile.TarInfo(name + ending)
                if ending == ".png" and rng.random() < 0.05:  # a link, a device or a folder where a picture should be
                    member.type = rng.choice([tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
                    member.linkname = rng.choice(["/etc/passwd", "../out.png", name + ending])
                    tar.addfile(member)
                    continue
                if ending == ".png" and rng.random() < 0.02:
                    content = bomb(rng)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    path = folder / "images-000.tar"
    if rng.random() < 0.7:
        path.write_bytes(damaged(path.read_bytes(), rng))
    load_data(DataSpec(source=str(folder), validation=2))
    assert not (folder.parent / "out.png").exists()


def image_parquet(folder: Path, rng: random.Random) -> None:
    import pandas as pd
    from PIL import Image

    from netspace.training.images.data import DataSpec, load_data

    buffer = io.BytesIO()
    Image.fromarray(np.zeros((20, 20), np.uint8)).save(buffer, "png")
    rows = [{"image": {"bytes": buffer.getvalue(), "path": None}, "label": number % 2} for number in range(8)]
    if rng.random() < 0.1:
        rows[3]["image"]["bytes"] = bomb(rng)
    elif rng.random() < 0.1:
        rows[3]["image"] = {"bytes": None, "path": rng.choice(["/etc/passwd", "../out.png", str(__file__)])}
    path = folder / "train.parquet"
    pd.DataFrame(rows).to_parquet(path)
    if rng.random() < 0.8:
        path.write_bytes(damaged(path.read_bytes(), rng))
    load_data(DataSpec(source=str(folder), validation=2))


def weights(ending: str) -> Callable[[Path, random.Random], None]:
    def use(folder: Path, rng: random.Random) -> None:
        import torch
        from safetensors.torch import save_file

        from netspace.models.weights_file import read_weights

        state = {"a.weight": torch.arange(600.0).reshape(20, 30), "b": torch.ones(5)}
        path = folder / f"weights{ending}"
        save_file(state, path) if ending == ".safetensors" else torch.save({"model_state": state}, path)
        path.write_bytes(damaged(path.read_bytes(), rng))
        read_weights(path)

    return use


KINDS: dict[str, Callable[[Path, random.Random], None]] = {
    "study file": study_file,
    "space file": space_file,
    "network file": network_file,
    "pycls sweep": sweep(PYCLS),
    "NDS file": sweep(NDS),
    "CSV table": csv_table,
    "JSON lines": json_lines,
    "Parquet table": parquet,
    "store, damaged bytes": damaged_store,
    "store, foreign values": foreign_values,
    "store URL": store_url,
    "images in folders": picture,
    "images in a tar": image_archive,
    "images in Parquet": image_parquet,
    "weights, .pth": weights(".pth"),
    "weights, .safetensors": weights(".safetensors"),
}
"""What is done with one mutated input of each kind, in an empty folder."""


def outcome_of(kind: str, seed: int, folder: Path) -> tuple[str, str]:
    """Try one input: `taken`, `refused`, or what must not be, and what was said."""
    began, worked = time.monotonic(), time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            KINDS[kind](folder, random.Random(f"{kind} {seed}"))
            result, said = "taken", ""
        except NetspaceError as error:
            result, said = "refused", str(error)
            if len(one_line(said)) > LONGEST or not one_line(said).isprintable():
                result = "no line"
        except Exception:
            result, said = "traceback", traceback.format_exc()
    if time.monotonic() - began > SECONDS:
        result, said = (
            "hang",
            f"{time.monotonic() - began:.0f} s, {time.process_time() - worked:.1f} s of the processor",
        )
    return result, said


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", choices=list(KINDS))
    parser.add_argument("--show", type=int, default=3, help="tracebacks shown of each kind")
    given = parser.parse_args()
    kinds = [given.kind] if given.kind else list(KINDS)
    with tempfile.TemporaryDirectory() as cache:
        os.environ["NETSPACE_CACHE"] = cache
        for kind in kinds:  # what is loaded once
            with tempfile.TemporaryDirectory() as folder:
                outcome_of(kind, -1, Path(folder))
        print(f"{'kind':24}{'taken':>8}{'refused':>9}{'traceback':>11}{'hang':>6}{'no line':>9}{'s':>7}")
        total: Counter[str] = Counter()
        for kind in kinds:
            counts: Counter[str] = Counter()
            began = time.monotonic()
            for number in range(given.inputs // len(kinds)):
                with tempfile.TemporaryDirectory() as folder:
                    result, said = outcome_of(kind, given.seed + number, Path(folder))
                counts[result] += 1
                if result not in ("taken", "refused") and counts[result] <= given.show:
                    print(f"--- {kind}, seed {given.seed + number}: {result}\n{said}")
                shutil.rmtree(cache, ignore_errors=True)
                Path(cache).mkdir(exist_ok=True)
            total += counts
            shown = [counts[name] for name in ("taken", "refused", "traceback", "hang", "no line")]
            print(
                f"{kind:24}{shown[0]:8}{shown[1]:9}{shown[2]:11}{shown[3]:6}{shown[4]:9}{time.monotonic() - began:7.0f}"
            )
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{sum(total.values())} inputs: {dict(total)}; peak memory {peak:.2f} GB (limit {GIGABYTES:.0f})")


if __name__ == "__main__":
    main()
