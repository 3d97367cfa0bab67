"""A kubectl of our own on PATH."""

from __future__ import annotations

from pathlib import Path

import pytest

from .given import FakeKubectl


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeKubectl:
    """The kubectl that the code under test finds."""
    fake = FakeKubectl(tmp_path)
    for name, value in fake.environment.items():
        monkeypatch.setenv(name, value)
    return fake
