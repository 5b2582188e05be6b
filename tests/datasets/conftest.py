"""Fixtures of the data sets' tests."""

import pytest
from data_server import serving


@pytest.fixture(name="server")
def fixture_server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    with serving() as server:
        yield server
