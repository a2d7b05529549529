"""The command line: every command by its name, and how mistakes end. The commands themselves are in `commands/`."""

import sys

import typer

from netspace.commands import advice, networks, results, spaces, status, studies, training
from netspace.errors import NetspaceError

app = typer.Typer(
    help="Design convolutional networks by designing the space they come from.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

for command in (
    studies.demo,
    studies.run,
    status.status,
    studies.report,
    studies.compare,
    results.export,
    results.import_,
    advice.plan,
    advice.refine,
    advice.claims,
    spaces.sample,
    spaces.size,
    networks.complexity,
    networks.scale,
    networks.models,
    training.train,
    training.evaluate,
    training.bench,
):
    app.command(command.__name__.rstrip("_"))(command)


def main() -> None:
    """Run the command line: exit code 2 and one line for a user's mistake, 130 for an interruption."""
    try:
        app()
    except NetspaceError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
