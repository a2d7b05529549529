"""What is shown of URLs and texts that hold secrets: everything else of them, with *** in their place."""

import os
import re

_HIDDEN = "***"

_OPEN_OPTIONS = {"host", "hostaddr", "port", "dbname", "user", "sslmode", "connect_timeout"}
"""What may be shown of a database URL's query; `options`, `passfile` and `sslkey` name or hold secrets."""

_LEAST_SECRET = 6
"""Characters of a secret: what is shorter would be found in any text."""


def shown_url(url: str) -> str:
    """Return a database's URL without its password, and of its query what can hold no secret.

    Args:
        url: as SQLAlchemy reads it; of what it cannot read, all that stands where a user and a password would is
            hidden. A path stays as it is.
    """
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        read = make_url(url)
    except (ArgumentError, ValueError):  # a port that is no number
        return re.sub(r"://[^?]*@", f"://{_HIDDEN}@", url).partition("?")[0] if "://" in url else url
    hidden = {key: _HIDDEN for key in read.query if key not in _OPEN_OPTIONS}
    return read.update_query_dict(hidden).render_as_string(hide_password=True)


def without_secrets(text: str) -> str:
    """Return what another library says without users and passwords in URLs and the secrets of the environment.

    Those are the values of variables whose names end in KEY, TOKEN, PASSWORD or SECRET.
    """
    for name, value in os.environ.items():
        if re.search(r"(KEY|TOKEN|PASSWORD|SECRET)$", name) and len(value) >= _LEAST_SECRET:
            text = text.replace(value, _HIDDEN)
    return re.sub(r"://[^/\s]*@", f"://{_HIDDEN}@", text)
