"""The command line: every command by its name, and how mistakes end. The commands themselves are in `commands/`."""

import errno
import inspect
import logging
import os
import sys
import textwrap
from collections import Counter
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperOption

from netspace.commands import (
    advice,
    evaluation,
    networks,
    packaging,
    prediction,
    results,
    searching,
    serving,
    spaces,
    status,
    studies,
    training,
)
from netspace.errors import NetspaceError, first_line, one_line, short

COMMANDS = (
    studies.demo,
    searching.search,
    studies.run,
    status.status,
    studies.report,
    serving.serve,
    studies.compare,
    results.export,
    results.import_,
    advice.plan,
    advice.refine,
    advice.claims,
    spaces.spaces,
    spaces.sample,
    spaces.size,
    networks.models,
    networks.complexity,
    networks.draw,
    networks.scale,
    training.recipes,
    training.train,
    evaluation.evaluate,
    prediction.predict,
    packaging.package,
    training.bench,
)
"""What `netspace --help` lists, in this order. The docstring of each is its help, its "Examples" section the end."""


class Command(TyperCommand):
    """A command that refuses an option given twice, where typer silently takes the last value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments, after a look at what was given twice."""
        *_, given = self.make_parser(ctx).parse_args(args=list(args))
        for option, times in Counter(given).items():
            if times > 1 and isinstance(option, TyperOption) and not (option.multiple or option.is_flag):
                raise typer.BadParameter("given twice", ctx=ctx, param=option)
        return super().parse_args(ctx, args)


app = typer.Typer(
    help="Design convolutional networks by designing the space they come from.",
    epilog="\b\nExamples:\n  netspace demo\n  netspace run study.yaml\n  netspace sample --help",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help starts faster than a drawn one, and pipes and editors keep its lines
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from netspace._version import __version__

        print(f"netspace {__version__}")
        raise typer.Exit


@app.callback()
def _netspace(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Log of each step on standard error, with times.")
    ] = False,
) -> None:
    if verbose:
        logging.basicConfig(format="%(asctime)s %(name)s: %(message)s")
        logging.getLogger("netspace").setLevel(logging.INFO)


def _help_and_examples(docstring: str) -> tuple[str, str]:
    """Return a docstring without its "Examples" section, and the section as an epilog whose lines stay as they are."""
    text, _, examples = inspect.cleandoc(docstring).partition("\n\nExamples:\n")
    return text, f"\b\nExamples:\n{textwrap.indent(textwrap.dedent(examples), '  ')}"


for command in COMMANDS:
    text, examples = _help_and_examples(command.__doc__ or "")
    app.command(command.__name__.rstrip("_"), cls=Command, help=text, epilog=examples)(command)


def main() -> None:
    """Run the command line: exit code 2 and one line for a user's mistake, 130 for an interruption."""
    # threads of torch that spin while they wait take the core from those they wait for; read when torch is imported
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # NumPy's matrices are small here: its threads take a second to find each other, and save nothing
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        app()
    except NetspaceError as error:
        print(f"error: {one_line(str(error))}", file=sys.stderr)
        sys.exit(2)
    except MemoryError:
        print("error: the memory of this machine is used up; end other programs, or ask for less", file=sys.stderr)
        sys.exit(2)
    except ImportError as error:
        # a library that is installed but finds no memory to be loaded into; anything else is a bug of ours
        if "allocate memory" not in str(error) and "failed to map" not in str(error):
            raise
        print(f"error: a library cannot be loaded ({one_line(first_line(error))})", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        # whatever is asked about a name, also whether there is such a file; any other system error is a bug of ours
        if error.errno != errno.ENAMETOOLONG:
            raise
        print(f"error: {one_line(short(error.filename))}: too long for a file's name", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
