"""A search among the published networks: the best on ImageNet inside the limit, trained on from its weights.

Nothing is trained to choose: networks that are better on ImageNet are better after fine-tuning too (Kornblith, Shlens
and Le, "Do Better ImageNet Models Transfer Better?", CVPR 2019: rank correlations of .96 over 12 data sets).
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from netspace.arch import AnyNetConfig, complexity, zoo
from netspace.arch.published import Published
from netspace.errors import ConfigError, WindowError, first_line
from netspace.searching.budget import Budget
from netspace.searching.call import Call
from netspace.searching.candidates import Candidate
from netspace.searching.choices import Choice, choose_resolution, choose_validation
from netspace.searching.looking import Look, look_at
from netspace.searching.progress import Clock
from netspace.searching.result import PACKAGE, SearchResult
from netspace.searching.settled import FromPublished, SearchSpec, Settled
from netspace.searching.settling import limits_asked
from netspace.searching.summary import published_summary
from netspace.searching.winner import note_test_error, train_winner, with_threads
from netspace.space.constraints import format_count
from netspace.study.seeds import seed_of
from netspace.study.spec import StudySpec
from netspace.training.images.data import load_data
from netspace.training.images.sources import located
from netspace.training.recipe import RECIPES, Augment, Recipe, parse_recipe

_SEEN, _EPOCHS = 40_000, (5, 30)  # training images shown in all, within these epochs: weights need fewer than none


def settle_published(
    asked: SearchSpec, folder: Path, *, device: str, tell: Callable[[Choice], None] = lambda _: None
) -> Settled:
    """Look at the images, choose what was left open and the network, and write it down.

    Raises:
        DataError: the images cannot be used, or are too few.
        WindowError: no published network is inside the windows; the message has the nearest.
        ConfigError: what was asked for breaks a rule, or has no effect.
    """
    useless = {
        "--space": asked.spaces,
        "--stem": asked.stem,
        "--cheap-epochs": asked.cheap_epochs,
        "--hours": asked.hours,
    }
    if given := [option for option, value in useless.items() if value is not None]:
        raise ConfigError(f"{', '.join(given)} {'has' if len(given) == 1 else 'have'} no effect with --from-pretrained")
    choices: list[Choice] = []

    def note(choice: Choice) -> None:
        choices.append(choice)
        tell(choice)

    limits = limits_asked(asked)
    look = look_at(asked.data)
    resolution = choose_resolution(look, asked.resolution, device)
    note(resolution.choice)
    validation = choose_validation(look, asked.data.validation)
    note(validation.choice)
    training = asked.data.train or sum(look.counts) - (validation.value or 0)
    recipe, said = _recipe(look, training, resolution.value, asked)
    note(said)
    entry, why = _best_inside(limits, look, resolution.value)
    note(Choice(what="network", value=entry.name, reason=why, option="--params, --flops, --activations, --latency"))
    settled = Settled(
        asked=asked.plain(),
        choices=tuple(choices),
        recipe=recipe,
        rounds=(),
        chosen=0,
        repeats=0,
        model_seconds=1.0,
        winner_seconds=1.0,
        workers=1,
        test=look.test is not None,
        published=FromPublished(
            network=entry.name,
            resolution=resolution.value,
            data=asked.data.model_copy(
                update={"source": located(asked.data.source), "validation": validation.value, "channels": look.channels}
            ),
        ),
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        settled.write(folder)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot write the search ({first_line(error)})") from None
    return settled


def train_published(call: Call, settled: Settled, published: FromPublished) -> SearchResult:
    """Train a published network on; goes on from where it was interrupted.

    Raises: as for `train_winner`.
    """
    images = load_data(published.data, published.resolution)
    config = fitted_to(zoo.get(published.network), images.num_classes, images.channels)
    settled = with_threads(settled, call.folder, config, images, call.device)
    budget = Budget(call.folder, None, call.began)
    clock = Clock(settled=settled, networks=0, budget=budget, observe=call.observe, seconds=lambda: None)
    clock.begin("the winner")
    train_winner(
        call.folder / PACKAGE,
        config,
        images,
        name=published.network,
        data=published.data,
        recipe=settled.recipe,
        seed=seed_of(int(settled.asked["seed"]), "the winner"),
        device=call.device,
        threads=settled.threads or 1,
        licence=call.licence,
        published=published.network,
        on_epoch=lambda epoch: clock.epoch(epoch, settled.recipe.epochs),
    )
    package = note_test_error(call.folder / PACKAGE, call.device)
    cost = complexity(config, published.resolution)
    winner = Candidate(
        space="published",
        row=0,
        config=config,
        flops=int(cost.flops),
        params=int(cost.params),
        errors=(),
        likely=None,
    )
    text = published_summary(call.source, settled.choices, config, package, call.folder)
    found = SearchResult(folder=call.folder, best=(winner,), choices=settled.choices, package=package, summary=text)
    found.write_summary()
    return found


def _recipe(look: Look, training: int, resolution: int, asked: SearchSpec) -> tuple[Recipe, Choice]:
    epochs = asked.epochs or max(_EPOCHS[0], min(_EPOCHS[1], round(_SEEN / training)))
    if asked.recipe is not None:
        changed = {} if asked.epochs is None else {"epochs": asked.epochs}
        recipe = parse_recipe({**asked.recipe.model_dump(), **changed}, "recipe")
        return recipe, Choice(what="recipe", value=f"the one given, {recipe.epochs} epochs", reason="as asked for")
    recipe = RECIPES["quick"].model_copy(
        update={
            "epochs": epochs,
            "lr": 0.02,
            "layer_decay": 0.8,
            "frozen_epochs": min(1, epochs - 1),
            "warmup_epochs": min(0.5, epochs / 10),
            "label_smoothing": 0.1,
            "augment": Augment(flip=look.channels == 3, shift=max(1, resolution // 8)),
        }
    )
    return recipe, Choice(
        what="recipe",
        value=f"quick with {epochs} epochs at a rate of 0.02",
        reason="the classifier alone in the first, the first layers slowest, since the weights are good already",
        option="--recipe, --epochs",
    )


def _best_inside(limits: StudySpec, look: Look, resolution: int) -> tuple[Published, str]:
    """Return the network of the least published error among those inside the limits, and why.

    Raises:
        WindowError: there is none.
    """
    known = [one for one in zoo.ZOO if one.top1_error is not None and (one.timm or one.torchvision)]
    known = [one for one in known if one.config.num_classes == 1000 and 2 * resolution > one.config.total_stride]
    fitted = {one.name: fitted_to(one.config, len(look.class_names), look.channels) for one in known}
    inside = [one for one in known if _contains(limits, fitted[one.name], resolution)]
    for entry in sorted(inside, key=_error):
        if limits.latency is None or limits.latency.contains(limits.latency.measure(fitted[entry.name], resolution)):
            return entry, f"{entry.top1_error:.1f} % on ImageNet, the least of {len(inside)} inside the limits"
    raise WindowError(_explanation(limits, list(fitted.values()), resolution, len(inside)))


def fitted_to(config: AnyNetConfig, classes: int, channels: int) -> AnyNetConfig:
    """Return a network with the classes and channels of some images."""
    return config.changed(num_classes=classes, in_channels=channels)


def _error(entry: Published) -> float:
    return entry.top1_error or 100.0


def _contains(limits: StudySpec, config: AnyNetConfig, resolution: int) -> bool:
    cost = complexity(config, resolution)
    return all(low <= int(getattr(cost, measure)) <= high for measure, (low, high) in limits.windows.items())


def _explanation(limits: StudySpec, known: list[AnyNetConfig], resolution: int, inside: int) -> str:
    if inside:
        return f"none of the {inside} published networks inside the windows has {limits.latency}"
    nearest = []
    for measure, (low, high) in limits.windows.items():
        values = np.array([float(getattr(complexity(config, resolution), measure)) for config in known])
        value = float(values[np.argmin(np.abs(values - np.clip(values, low, high)))]) if len(values) else np.nan
        nearest.append(f"nearest {measure}: {format_count(float(f'{value:.3g}'))}")
    return (
        f"no published network is inside the limits at {resolution} pixels; {'; '.join(nearest)}. Without "
        f"--from-pretrained networks of any size are searched"
    )
