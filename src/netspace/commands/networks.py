"""Commands about single networks: what they cost, which ones are known."""

from pathlib import Path
from typing import TYPE_CHECKING

from netspace.commands.options import AsJson, NetworkName, Resolution
from netspace.commands.output import print_json, print_records

if TYPE_CHECKING:
    from netspace.arch import AnyNetConfig


def complexity(network: NetworkName, resolution: Resolution = 224) -> None:
    """Print a network's flops (multiply-adds), parameters and activations as JSON."""
    from netspace.arch import complexity as count

    print_json(count(find_network(network), resolution).as_dict())


def models(as_json: AsJson = False) -> None:
    """List the zoo: every published network with its complexity and its published error."""
    from netspace.arch import complexity as count
    from netspace.arch import zoo

    print_records(
        [
            {
                "name": entry.name,
                **count(entry.config).as_dict(),
                "top1_error": entry.top1_error,
                "source": entry.source,
            }
            for entry in zoo.ZOO
        ],
        as_json,
    )


def find_network(name: str) -> "AnyNetConfig":
    """Return the network of a file (it exists, or looks like YAML or JSON) or of the zoo."""
    from netspace.arch import read_network, zoo

    if Path(name).suffix in {".yaml", ".yml", ".json"} or Path(name).is_file():
        return read_network(name)
    return zoo.get(name)
