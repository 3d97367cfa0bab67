"""Why a record is opened: one of three purposes, with a reason that can be shown."""

from dataclasses import replace

import pytest

from chassis.auth import with_purpose
from chassis.caller import Purpose
from chassis.errors import Kind, SocleError
from chassis.testing import callers


@pytest.mark.parametrize(
    ("purpose", "sent", "wanted", "kept"),
    [
        ("", "ignored", Purpose.NORMAL, ""),
        ("normal", "ignored", Purpose.NORMAL, ""),
        ("bris_de_glace", "coma%2C%20seul%20%C3%A9", Purpose.BREAK_GLASS, "coma, seul é"),
        ("centre_15", "", Purpose.REGULATION, ""),
    ],
)
def test_purpose_of_use(purpose: str, sent: str, wanted: Purpose, kept: str) -> None:
    assert with_purpose(callers.doctor, purpose, sent) == replace(callers.doctor, purpose=wanted, reason=kept)


@pytest.mark.parametrize(
    ("purpose", "sent", "field"),
    [
        ("curiosity", "", "Socle-Purpose"),
        ("bris_de_glace", "a%00b", "Socle-Reason"),
        ("bris_de_glace", "a%0Ab", "Socle-Reason"),
        ("bris_de_glace", "a" * 501, "Socle-Reason"),
    ],
)
def test_purpose_of_no_meaning_is_refused(purpose: str, sent: str, field: str) -> None:
    with pytest.raises(SocleError) as error:
        with_purpose(callers.doctor, purpose, sent)
    assert (error.value.kind, error.value.field) == (Kind.INVALID_INPUT, field)
