"""`netspace serve`: the report's page, kept current while a study runs."""

import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netspace.commands.options import StoreTarget
from netspace.commands.study_argument import Results, StudyName, is_store, results_of
from netspace.errors import StudyError, first_line, raise_unknown

if TYPE_CHECKING:
    from netspace.store import Store


def serve(
    study: Results,
    store: StoreTarget = None,
    name: StudyName = None,
    host: Annotated[
        str, typer.Option(metavar="HOST", help="Address of this machine; 0.0.0.0 for all, which anyone can reach.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="Port. Default: a free one.")] = 0,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Serve the page of a study on this machine, kept current while its runs end.

    It only reads the store, and stays until Ctrl-C. A store with several studies has a list of them. Prints the
    address.

    Examples:
        netspace serve study.yaml --open
        netspace serve results.db --port 8000
    """
    from netspace.store import Store

    if is_store(study):
        if store is not None:
            raise StudyError("store given twice; drop --store")
        with Store.open(study, create=False) as opened:
            known = [record.name for record in opened.studies()]
            if name is not None and name not in known:
                raise_unknown(f"study of {opened.where}", name, known)
            # a store is as a rule beside its study file
            root = Path(study).parent if Path(study).is_file() else None
            _serve(opened, None if name is None else [name], root, host, port, open_page=open_page)
        return
    with results_of(study, store, name) as (opened, record, root):
        _serve(opened, [record.name], root, host, port, open_page=open_page)


def _serve(
    opened: "Store", names: list[str] | None, root: Path | None, host: str, port: int, *, open_page: bool
) -> None:
    import uvicorn

    from netspace.report.live import application

    try:
        listening = socket.create_server((host, port))
    except (OSError, UnicodeError) as error:
        raise StudyError(f"cannot listen on {host}, port {port} ({first_line(error)}); choose another") from None
    with listening:
        address = f"http://{host}:{listening.getsockname()[1]}/"
        everywhere = host in ("0.0.0.0", "::")
        hosts = ["*"] if everywhere else [host, "localhost", "127.0.0.1"]
        print(f"{address} (Ctrl-C ends it)", flush=True)
        if everywhere:
            print("Anyone who can reach this machine can read it.", file=sys.stderr)
        if open_page:
            typer.launch(address)
        config = uvicorn.Config(application(opened, names, hosts=hosts, root=root), log_level="warning", lifespan="off")
        uvicorn.Server(config).run(sockets=[listening])
