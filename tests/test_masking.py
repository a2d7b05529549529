"""No secret is shown, and what is no secret stays."""

import pytest

from netspace.masking import shown_url, without_secrets


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:hidden@host:5432/runs", "postgresql://me:***@host:5432/runs"),
        ("postgresql://me@/runs?host=/run/pg&passfile=/hidden", "postgresql://me@/runs?host=%2Frun%2Fpg&passfile=%2A%2A%2A"),
        ("mysql+pymysql://me:hid%40den@host/optuna", "mysql+pymysql://me:***@host/optuna"),
        ("mysql://me@host/optuna?ssl_key=hidden", "mysql://me@host/optuna?ssl_key=%2A%2A%2A"),
        ("postgresql://me:hidden@host:port/runs?password=hidden", "postgresql://***@host:port/runs"),
        ("postgresql://me:hid/den@host:port/runs", "postgresql://***@host:port/runs"),
        ("sqlite:///folder/study.db", "sqlite:///folder/study.db"),
        ("runs/of me@home//table.csv", "runs/of me@home//table.csv"),
    ],
)  # fmt: skip
def test_a_url_is_shown_without_its_secrets(url, shown):
    assert shown_url(url) == shown


def test_what_a_library_says_is_shown_without_the_secrets_of_the_environment(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "0123456789abcdef")
    monkeypatch.setenv("SHORT_TOKEN", "abc")
    said = "401 for https://me:hid@den@api.example.com/x with 0123456789abcdef, abc; mail me@home"
    assert without_secrets(said) == "401 for https://***@api.example.com/x with ***, abc; mail me@home"
