"""What a search found, as text for an e-mail."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from netspace.arch.built import BuiltConfig, NetworkConfig, code_of
from netspace.models.package import Package
from netspace.results.runs import structure
from netspace.searching.candidates import Candidate
from netspace.searching.choices import Choice
from netspace.space.constraints import format_count
from netspace.training.latency import Latency


def summary(
    source: str,
    choices: Sequence[Choice],
    trained: dict[str, int],
    reasons: Sequence[str],
    best: Sequence[Candidate],
    package: Package,
    folder: Path,
    seconds: float,
    hours: str = "",
    latency: Latency | None = None,
) -> str:
    """Return the summary.

    Args:
        source: of the images, as it was given.
        choices: what was chosen.
        trained: networks by what they were trained for.
        reasons: why others were not trained, a sentence for each round.
        best: the best networks, the winner first.
        package: the winner's.
        folder: of the search.
        seconds: of training, over all workers.
        hours: what is said of the time that it took, if hours were given.
        latency: the limit; None for none.
    """
    winner = best[0]
    lines = [f"Network search on {source}", ""]
    lines += [f"  {choice}" for choice in choices]
    counted = ", ".join(f"{number} {what}" for what, number in trained.items())
    lines += ["", f"Trained: {counted}; {seconds / 60:.0f} min of training, over all workers."]
    lines += [f"  {reason}." for reason in reasons]
    lines += [hours] if hours else []
    lines += [
        "",
        "The best after brief training, by their likely error on the validation images, with its 95 % interval:",
    ]
    lines += [f"  {_line(one)}" for one in best]
    lines += ["", f"Winner: {winner.name}, {_shape(winner.config)}"]
    if latency is not None:
        lines.append(f"  latency {winner.latency_ms:.3g} ms, for {latency}")
    return "\n".join([*lines, *_end(package, folder, winner.config)])


def published_summary(
    source: str, choices: Sequence[Choice], config: NetworkConfig, package: Package, folder: Path
) -> str:
    """Return the summary of a search among published networks."""
    lines = [f"Network search on {source}, among the published networks", ""]
    lines += [f"  {choice}" for choice in choices]
    lines += ["", f"Winner: {package.name}, {_shape(config)}, trained on from {package.started_from}"]
    return "\n".join([*lines, *_end(package, folder, config)])


def _end(package: Package, folder: Path, config: NetworkConfig) -> list[str]:
    """Return what the winner's errors are, and where everything is."""
    lines = [f"  {_measured(package, split)}" for split in ("test", "validation") if _has(package, split)]
    if not _has(package, "test"):
        lines.append(
            "  there is no test split: the validation images also chose the network, so it is a little optimistic"
        )
    if package.calibration is not None:
        lines.append(f"  probabilities calibrated by a temperature of {package.calibration.temperature:.2f}")
    page = folder / "report" / "index.html"
    lines += ["", f"Package: {folder / 'package'}"]
    lines += [f"Page:    {page}"] if page.is_file() else []
    code = code_of(config)
    trusted = " --trust-code" if code is not None and not code.of_library else ""
    return [*lines, f"Next:    netspace predict {shlex.quote(str(folder / 'package'))} IMAGE...{trusted}", ""]


def _line(one: Candidate) -> str:
    measured = ", ".join(f"{error:.1f}" for error in one.errors)
    size = f"{_count(one.params)} params, {_count(one.flops)}F"
    if one.latency_ms is not None:
        size += f", {one.latency_ms:.3g} ms"
    if one.likely is None:
        return f"{one.name}: measured {measured} %, {size}"
    likely = one.likely
    return f"{one.name}: {likely.estimate:.1f} % ({likely.low:.1f} to {likely.high:.1f}), measured {measured} %, {size}"


def _shape(config: NetworkConfig) -> str:
    if isinstance(config, BuiltConfig):
        return f"{config.builder}: {structure(config.to_dict())}"
    stages = config.stages
    depths, widths = ("-".join(str(getattr(stage, name)) for stage in stages) for name in ("depth", "width"))
    squeezed = ", squeeze-and-excitation" if config.se_ratio else ""
    return f"depths {depths}, widths {widths}, groups of {stages[0].group_width}{squeezed}"


def _has(package: Package, split: str) -> bool:
    return any(error.split == split for error in package.errors)


def _measured(package: Package, split: str) -> str:
    found = next(error for error in package.errors if error.split == split)
    return (
        f"{split} error {found.error:.2f} % ({found.low:.1f} to {found.high:.1f}) on {found.images:,} images, "
        f"after full training"
    )


def _count(value: int) -> str:
    return format_count(float(f"{value:.3g}"))
