"""Cursors: given back as they came, or refused before they reach a query."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import page


@dataclass
class Request:
    """What `socle.common.v1.PageRequest` gives."""

    size: int = 0
    token: str = ""


@given(st.dictionaries(st.text(max_size=5), st.none() | st.integers(-(2**53), 2**53) | st.text(), max_size=4))
def test_cursor_comes_back_as_it_went(cursor: dict[str, Any]) -> None:
    assert page.after(Request(token=page.token(**cursor))) == (page.USUAL, cursor)


@given(st.text())
def test_any_text_as_token_then_a_page_or_a_refusal(text: str) -> None:
    if text:
        with pytest.raises(page.UnknownPageToken):
            page.after(Request(token=text), before=UUID)
    else:
        assert page.after(Request(token=text), before=UUID) == (page.USUAL, {})


@pytest.mark.parametrize(("asked", "size"), [(0, 50), (1, 1), (200, 200), (201, 200), (2**32 - 1, 200)])
def test_size_within_bounds(asked: int, size: int) -> None:
    assert page.after(Request(asked)) == (size, {})


@pytest.mark.parametrize(
    "token",
    [
        page.token(other="01900000-0000-7000-8000-000000000001"),
        page.token(before="01900000-0000-7000-8000-000000000001", more=1),
        page.token(before="not a uuid"),
        page.token(before=7),
        page.token(before=None),
        "WzEsMl0",
        "e30",
        "!!!",
    ],
)
def test_token_of_another_list_or_made_up_is_refused(token: str) -> None:
    with pytest.raises(page.UnknownPageToken):
        page.after(Request(token=token), before=UUID)


def test_token_of_this_list_is_parsed() -> None:
    one = "01900000-0000-7000-8000-000000000001"
    assert page.after(Request(5, page.token(before=one)), before=UUID) == (5, {"before": UUID(one)})
