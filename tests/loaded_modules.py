"""What a command of netspace loads: the libraries that cost a look at results more than the look itself."""

import subprocess
import sys
from pathlib import Path

HEAVY = {"matplotlib", "pandas", "scipy.stats", "torch"}


def loaded_by(*arguments: str | Path) -> tuple[str, str]:
    """Run a command in a process of its own; return what it prints, and which of `HEAVY` it loaded, as a list."""
    shown = f"lambda: print(sorted({HEAVY!r} & set(sys.modules)))"
    program = f"import atexit, sys; atexit.register({shown}); from netspace import cli; cli.main()"
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    *printed, loaded = done.stdout.splitlines()
    return "\n".join(printed), loaded
