"""Settles a search: looks at the images, chooses what was left open, measures, and writes it all into the folder."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from netspace.documents import dump_yaml, parse
from netspace.errors import ConfigError, first_line
from netspace.files import write_whole
from netspace.searching.choices import (
    SPACES,
    Choice,
    choose_recipe,
    choose_resolution,
    choose_stem,
    choose_validation,
    choose_windows,
    images_seen,
)
from netspace.searching.looking import Look, look_at
from netspace.searching.settled import NAME, STUDY, SearchSpec, Settled
from netspace.searching.sizes import choose_sizes, written
from netspace.space import DesignSpace
from netspace.space.spec import load_all, space_from_dict
from netspace.study.spec import StudySpec
from netspace.study.study import Study
from netspace.training.images.sources import located
from netspace.training.latency import Timings
from netspace.training.recipe import Recipe


def settle(
    asked: SearchSpec,
    folder: Path,
    *,
    device: str,
    workers: int,
    tell: Callable[[Choice], None] = lambda _: None,
    observe: Callable[[Timings], None] = lambda _: None,
) -> Settled:
    """Look at the images, choose what was left open, measure how long a training takes, and write it down.

    The folder then holds a study file and what was settled; it is made when nothing can be refused any more.

    Args:
        asked: what for.
        folder: of the search.
        device: "cpu" or "cuda", where networks are trained.
        workers: how many at a time.
        tell: called with each choice as it is made.
        observe: called after each network that is timed.

    Raises:
        DataError: the images cannot be used, or are too few.
        WindowError: no network is in the windows; the message has the nearest.
        StudyError: the hours are too few; the message says what it would take.
        ConfigError, UnknownNameError: what was asked for breaks a rule.
    """
    choices: list[Choice] = []

    def note(choice: Choice) -> None:
        choices.append(choice)
        tell(choice)

    limits = limits_asked(asked)
    look = look_at(asked.data)
    note(images_seen(look))
    content, recipe = _chosen(asked, limits, look, device, note)
    sizes = choose_sizes(content, asked, recipe, device, workers, observe)
    note(sizes.regime.choice)
    content |= {"n": sizes.random, "recipe": written(sizes.regime.value)}
    if asked.hours is not None:
        content["hours"] = sizes.random_hours
    study = Study(spec=parse(StudySpec, content, "search"), root=folder)
    if drawing := next((space.name for space in study.spaces if space.recipe), None):
        raise ConfigError(f"--space {drawing}: draws numbers of the recipe, and a search chooses one recipe for all")
    note(sizes.choice(len(study.spaces), asked.hours, workers))
    study.sample(observe)  # what is refused is refused before the folder is made
    settled = Settled(
        asked=asked.plain(),
        choices=tuple(choices),
        recipe=recipe,
        rounds=sizes.rounds,
        more_rounds=asked.hours is not None,
        chosen=sizes.chosen,
        repeats=sizes.repeats,
        model_seconds=sizes.seconds,
        winner_seconds=sizes.winner_seconds,
        workers=workers,
        test=look.test is not None,
        hours=asked.hours,
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(
            folder / STUDY, f"# written by netspace search: random networks in the cheap regime\n{dump_yaml(content)}"
        )
        settled.write(folder)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot write the search ({first_line(error)})") from None
    return settled


def limits_asked(asked: SearchSpec) -> StudySpec:
    """Return the limits of a search as a study has them: its `windows` and its `latency`.

    Raises:
        ConfigError: one of them breaks a rule.
    """
    limits = {name: getattr(asked, name) for name in ("flops", "params", "activations", "latency")}
    return parse(StudySpec, {"name": NAME, "spaces": ["RegNetX"], "n": 1, **limits}, "search")


def _chosen(
    asked: SearchSpec, limits: StudySpec, look: Look, device: str, note: Callable[[Choice], None]
) -> tuple[dict[str, Any], Recipe]:
    """Return what was asked for or chosen of the study file, all but n and recipe, and the winner's recipe."""
    resolution = choose_resolution(look, asked.resolution, device)
    note(resolution.choice)
    stem = choose_stem(resolution.value, asked.stem)
    spaces, has_stem = _spaces(SPACES if asked.spaces is None else asked.spaces)
    if has_stem:
        note(stem.choice)
    elif asked.stem is not None:
        raise ConfigError("--stem has no effect: the networks of these spaces are made by functions")
    validation = choose_validation(look, asked.data.validation)
    note(validation.choice)
    training = asked.data.train or sum(look.counts) - (validation.value or 0)
    recipe = choose_recipe(look, training, resolution.value, asked.recipe, asked.epochs, device)
    note(recipe.choice)
    windows, limit = choose_windows(limits.windows, limits.latency, device)
    note(limit)
    data = {**asked.data.model_dump(exclude_unset=True), "source": located(asked.data.source)}
    if validation.value is not None:
        data["validation"] = validation.value
    content: dict[str, Any] = {
        "name": NAME,
        "spaces": spaces,
        "seed": asked.seed,
        **{measure: [low, None if math.isinf(high) else high] for measure, (low, high) in windows.items()},
        "resolution": resolution.value,
        "data": data,
    }
    if has_stem:
        content["network"] = {"stem": stem.value}
    if asked.latency is not None:
        content["latency"] = asked.latency
    return content, recipe.value


def _spaces(asked: Sequence[str | dict[str, Any]]) -> tuple[list[Any], bool]:
    """Return spaces as the study has them, files by their whole path as images are, and whether they have a stem.

    Raises:
        ConfigError, UnknownNameError: there is no such space, it breaks a rule, or they have different parameters of
            someone's own: one predictor cannot learn from them together.
    """
    found: list[Any] = []
    spaces: list[DesignSpace] = []
    for entry in asked:
        if not isinstance(entry, str):
            found.append(entry)
            spaces.append(space_from_dict(entry, "search"))
            continue
        file, sign, name = entry.partition("#")
        found.append(f"{Path(file).resolve()}{sign}{name}" if Path(file).is_file() else entry)
        spaces += [one.space for one in load_all(entry)]
    built = [space.kind == "builder" for space in spaces]
    if len({(is_built, space.own) for is_built, space in zip(built, spaces, strict=True)}) > 1:
        named = ", ".join(space.name for space in spaces)
        raise ConfigError(f"--space: these have different parameters of their own ({named}); search one at a time")
    return found, not any(built)
