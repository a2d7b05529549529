"""What a user says about the columns of a table, from the options of the command line."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

from netspace.commands.options import check_options_apply
from netspace.commands.study_argument import TABLES, is_store, is_table
from netspace.errors import ConfigError, raise_unknown

if TYPE_CHECKING:
    from netspace.results.table_rows import Meaning


def table_meaning(
    named: str, mapping: Sequence[str] | None, *, maximize: bool, unit: str | None, outcomes: Sequence[str] | None
) -> "Meaning | None":
    """Return what the columns of a table mean, or None if `named` is no table.

    Raises:
        ConfigError: a pair without `=`, or an option about tables with something else.
        UnknownNameError: no such field, unit or outcome.
    """
    if is_table(named) and not is_store(named):
        return meaning_of(mapping, maximize=maximize, unit=unit, outcomes=outcomes)
    check_options_apply(
        {"--map": mapping, "--maximize": maximize, "--unit": unit, "--outcome": outcomes},
        f"on {named}, which is not a table ({', '.join(TABLES)})",
    )
    return None


def meaning_of(
    mapping: Sequence[str] | None, *, maximize: bool, unit: str | None, outcomes: Sequence[str] | None
) -> "Meaning":
    """Return what the columns of a table mean.

    Raises:
        ConfigError: a pair without `=`.
        UnknownNameError: no such field, unit or outcome.
    """
    from netspace.results.populations import Unit
    from netspace.results.table_rows import Meaning

    known = next((one for one in get_args(Unit) if one == unit), None)
    if unit is not None and known is None:
        raise_unknown("unit", unit, get_args(Unit))
    return Meaning.of(
        _pairs(mapping, "--map", "FIELD=COLUMN"),
        maximize=maximize,
        unit=known,
        outcomes=_pairs(outcomes, "--outcome", "WORD=OUTCOME"),
    )


def _pairs(given: Sequence[str] | None, option: str, form: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in given or ()]
    if wrong := next((name for name, sign, _ in pairs if not sign), None):
        raise ConfigError(f"{option} takes {form}, got '{wrong}'")
    if twice := next((name for name, times in Counter(name for name, *_ in pairs).items() if times > 1), None):
        raise ConfigError(f"{option} gives '{twice}' twice")
    return {name: value for name, _, value in pairs}
