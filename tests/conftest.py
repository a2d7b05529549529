"""What all tests share: one thread for each test process, and a cache of prepared images of the session's own."""

import os
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import servers
from servers import postgresql, postgresql_binaries

pytest_plugins = ["synthetic_studies"]

# one test process a core (pytest-xdist): more threads would fight for the same cores; read when torch is imported
os.environ.setdefault("OMP_NUM_THREADS", "1")
# see RayExecutor; Ray reads it when it is imported, by whichever test comes first
os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files with slow tests first: all processes would wait for one that begins with them at the end.

    With `--no-loadscope-reorder`, or else pytest-xdist puts the files with the most tests first, which are quick ones.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    before = os.environ.get("NETSPACE_CACHE")
    os.environ["NETSPACE_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["NETSPACE_CACHE"]
    else:
        os.environ["NETSPACE_CACHE"] = before


@pytest.fixture(scope="session")
def photos(tmp_path_factory) -> Path:
    """Noisy pictures of three colours, 16 x 16, names with spaces: 24 of each class to train on, 12 to test on."""
    import numpy as np
    from PIL import Image

    folder = tmp_path_factory.mktemp("shared") / "my photos"
    random = np.random.default_rng(0)
    for split, images in (("train", 24), ("test", 12)):
        for channel, name in enumerate(("brick red", "leaf green", "sky blue")):
            (folder / split / name).mkdir(parents=True)
            for i in range(images):
                pixels = random.integers(0, 160, (16, 16, 3), dtype=np.uint8)
                pixels[..., channel] += random.integers(0, 40, dtype=np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"photo {i}.png")
    return folder


@pytest.fixture(scope="session")
def package(photos, tmp_path_factory) -> Path:
    """The folder of a tiny network trained on `photos`, imperfectly; tests that change it copy it."""
    from netspace.arch import AnyNetConfig
    from netspace.models import build
    from netspace.training import DataSpec, Recipe, load_data, train
    from netspace.training.calibration import calibrate
    from netspace.training.device import usable_device
    from netspace.training.training_folder import TrainingFolder

    spec = DataSpec(source=str(photos), validation=30)
    images = load_data(spec)
    config = AnyNetConfig(
        stem={"width": 8},
        stages={"depths": [1, 1], "widths": [16, 32], "group_widths": [8, 8]},
        num_classes=3,
    )
    recipe = Recipe(epochs=3, batch_size=8, lr=0.05, reference_batch=None, augment={"flip": True})
    model = build(config, seed=0)
    folder = tmp_path_factory.mktemp("shared") / "package"
    folder.mkdir()
    training = TrainingFolder.new(folder, images, network="tiny", data=spec, recipe=recipe, seed=0, licence="MIT")
    training.start(model)
    result = train(model, images, recipe, resume_from=training.checkpoint)
    training.finish(model, result, calibrate(model, images, recipe, usable_device("cpu")))
    return folder


@pytest.fixture(scope="session")
def cifar10() -> Path:
    """The folder of CIFAR-10 Parquet files beside the project; the test is skipped where there is none."""
    folder = Path(__file__).parents[2] / "shared" / "data" / "cifar10"
    if not (folder / "train.parquet").exists():
        pytest.skip(f"{folder} is absent")
    return folder


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Path]:
    """A real server on a Unix socket, from the distribution's binaries; gives the folder of the socket."""
    pytest.importorskip("psycopg", reason="the extra 'postgres' is not installed")
    if postgresql_binaries() is None:
        pytest.skip("no PostgreSQL server on this machine (/usr/lib/postgresql/*/bin/initdb)")
    with postgresql() as folder:
        yield folder


_schemas = count()


@pytest.fixture
def postgresql_url(postgresql_server: Path) -> str:
    """An empty schema of the server's database: as good as a new database, and made at once."""
    import psycopg

    schema = f"test_{next(_schemas)}"
    with psycopg.connect(host=str(postgresql_server), user="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
    options = f"-csearch_path%3D{schema}%20-clock_timeout%3D20s"  # a driver that waits for another fails, not hangs
    return f"postgresql://postgres@/postgres?host={postgresql_server}&options={options}"


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[object]:
    """A Ray cluster of two nodes of one core each; gives what adds and removes nodes."""
    pytest.importorskip("ray", reason="the extra 'ray' is not installed")
    with servers.ray_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def slurm_cluster() -> Iterator[None]:
    """A SLURM of one node and two cores."""
    pytest.importorskip("submitit", reason="the extra 'slurm' is not installed")
    if shutil.which("slurmctld") is None or shutil.which("munged") is None:
        pytest.skip("no SLURM on this machine (Debian: slurm-wlm, munge)")
    if os.geteuid() != 0:
        pytest.skip("SLURM's daemons need root")
    with servers.slurm() as environment, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield


@pytest.fixture
def cluster_options(request):
    """Return a function that gives the options of an executor of some kind, its cluster started."""

    def options(kind: str) -> dict[str, object]:
        if kind == "ray":
            return {"address": request.getfixturevalue("ray_cluster").address}
        if kind == "slurm":
            request.getfixturevalue("slurm_cluster")
            return {"poll_seconds": 0.5}
        return {}

    return options
