"""The page of studies that run: a small web application that only reads the store.

The page asks every few seconds what is new: `now` is cheap, and `content`, every table of the report, is computed once
for each new result, however many browsers look on.
"""

import json
import time
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from threading import Lock
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from netspace.errors import NetspaceError, StudyError
from netspace.report.page import Live, now_parts, page, page_data, page_parts, waiting_page
from netspace.report.selection import Bounds, judge_selection, selection_rows
from netspace.results.standing import Standing, standing
from netspace.results.study_tables import StudyTables, study_tables
from netspace.store import Store, StudyRecord
from netspace.store.in_hand import curve_in_hand, folder_in_hand

LOOK_SECONDS = 2.0
"""Between two looks of a page at its study."""


def application(
    store: Store,
    names: Sequence[str] | None = None,
    *,
    hosts: Sequence[str] = ("127.0.0.1", "localhost"),
    root: Path | None = None,
) -> Starlette:
    """Return the application that shows the studies of a store, for any ASGI server.

    Args:
        store: only read; it must stay open as long as the application serves.
        names: the studies that are shown; None for all that the store holds, also those that are begun later.
        hosts: by which names the server may be asked, against pages that ask in another's name; "*" for any.
        root: the study file's folder, beside which workers leave the curves of the runs in hand; None shows none.
    """
    watched: dict[int, _Watched] = {}
    lock = Lock()

    def studies() -> list[StudyRecord]:
        return [record for record in store.studies() if names is None or record.name in names]

    def find(request: Request) -> _Watched | None:
        identity = request.path_params["study"]
        with lock:
            if identity not in watched:
                known = {record.id: record for record in studies()}
                if identity not in known:
                    return None
                watched[identity] = _Watched(store, known[identity], root)
            return watched[identity]

    def index(_: Request) -> Response:
        found = studies()
        if len(found) == 1:
            return RedirectResponse(f"study/{found[0].id}/")
        rows = "".join(f'<li><a href="study/{one.id}/">{escape(one.name)}</a></li>' for one in found)
        body = f"<ul>{rows}</ul>" if found else "<p>The store holds no study yet.</p>"
        return _html(waiting_page("netspace studies", body, seconds=10))

    def shown(request: Request) -> Response:
        study = find(request)
        return _NOT_FOUND if study is None else _html(study.page())

    def now(request: Request) -> Response:
        study = find(request)
        return _NOT_FOUND if study is None else JSONResponse(study.now())

    def content(request: Request) -> Response:
        study = find(request)
        return _NOT_FOUND if study is None else JSONResponse(study.content())

    def selection(request: Request) -> Response:
        study = find(request)
        if study is None:
            return _NOT_FOUND
        try:
            bounds = _bounds(request.query_params.get("bounds", ""))
            return JSONResponse({"rows": study.selection(request.query_params.get("space", ""), bounds)})
        except NetspaceError as error:  # of what was asked, or too little for an answer
            return JSONResponse({"refused": str(error)})

    def refused(_: Request, error: Exception) -> Response:
        return PlainTextResponse(str(error), status_code=503)

    return Starlette(
        routes=[
            Route("/", index),
            Route("/study/{study:int}/", shown),
            Route("/study/{study:int}/now", now),
            Route("/study/{study:int}/content", content),
            Route("/study/{study:int}/selection", selection),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))],
        exception_handlers={NetspaceError: refused},
    )


class _Watched:
    """A study that somebody looks at: its tables are computed when they are asked for and something has ended since."""

    def __init__(self, store: Store, record: StudyRecord, root: Path | None) -> None:
        self._store = store
        self._record = record
        self._folder = None if root is None else folder_in_hand(record, root)
        self._standing: Standing | None = None
        self._standing_lock = Lock()
        self._lock = Lock()
        self._version = ""
        self._tables: StudyTables | None = None

    def now(self) -> dict[str, Any]:
        """Return what changes from minute to minute, and the version of what changes when a run ends."""
        current, moving = self._look()
        return {"version": _version(current), "parts": moving}

    def content(self) -> dict[str, Any]:
        """Return the tables of the report as the page takes them, with their version."""
        version, tables = self._current()
        data = page_data(tables) | {"live": {"version": version, "seconds": LOOK_SECONDS}}
        return {"version": version, "data": data, "parts": page_parts(tables)}

    def page(self) -> str:
        """Return the page; before the first run has ended, one that waits for it."""
        current, moving = self._look()
        if not current.ended:
            return waiting_page(self._record.name, moving["state"] + moving["now"], seconds=LOOK_SECONDS)
        version, tables = self._current()
        return page(tables, live=Live(version, LOOK_SECONDS, moving["now"]))

    def selection(self, space: str, bounds: Bounds) -> list[tuple[str, str]]:
        """Return what is known of the networks of a space within bounds, in words."""
        stored = self._store.pools(self._record.id).get(space)
        return selection_rows(judge_selection(self._current()[1], space, bounds, stored))

    def _look(self) -> tuple[Standing, dict[str, str]]:
        """Return where the study stands, and the parts of the page that say so."""
        current = self._stand()
        running = self._store.runs(self._record.id, status="running")
        folder, recipe = self._folder, self._record.spec.get("recipe")
        curves = {} if folder is None else {run.id: curve_in_hand(folder, run.id) for run in running}
        epochs = recipe.get("epochs") if isinstance(recipe, Mapping) else None
        return current, now_parts(current, running, time.time(), curves=curves, epochs=epochs)

    def _stand(self) -> Standing:
        with self._standing_lock:  # what early stopping judged before is not judged again
            self._standing = standing(self._record, self._store, self._standing)
            return self._standing

    def _current(self) -> tuple[str, StudyTables]:
        with self._lock:  # of several browsers one has it computed, and the others wait for that
            version = _version(self._stand())
            if self._tables is None or version != self._version:
                self._tables, self._version = study_tables(self._store, self._record.name), version
            return self._version, self._tables


def _bounds(text: str) -> Bounds:
    """Return the bounds that a page asks about: JSON, the ends of an interval by property, null where it is open.

    Raises:
        StudyError: it is none.
    """
    try:
        told = json.loads(text)
        ends = {str(name): [None if end is None else float(end) for end in pair] for name, pair in told.items()}
        if any(len(pair) != 2 for pair in ends.values()):
            raise ValueError(text)
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        raise StudyError('bounds must be JSON such as {"depth": [4, null]}') from None
    inf = float("inf")
    return {name: (-inf if low is None else low, inf if high is None else high) for name, (low, high) in ends.items()}


def _version(current: Standing) -> str:
    """Return what differs whenever a run has ended, or was planned: runs that ended stay as they are."""
    return "-".join(str(number) for counts in current.counts.values() for number in _ended(counts))


def _ended(counts: dict[Any, int]) -> list[int]:
    return [counts[status] for status in ("done", "diverged", "failed", "lost")] + [sum(counts.values())]


def _html(text: str) -> HTMLResponse:
    return HTMLResponse(text, headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})


_NOT_FOUND = PlainTextResponse("There is no such study.", status_code=404)
