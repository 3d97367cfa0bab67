"""What HTTP says of a patch (405 for what cannot be changed, 412 for a version that is no longer there), and
the version that a condition names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from starlette.requests import Request

from chassis.errors import InvalidInput

from .refusals import HttpRefusal

TAG = re.compile(r'(?:W/)?"([1-9][0-9]{0,8})"')
ANY = "*"


class ElementNotPatchable(HttpRefusal):
    """Only status, securityLabel and the extension isArchived of a document can be changed."""

    status = 405
    issue = "not-supported"

    def __init__(self, places: Iterable[str]) -> None:
        self.places = tuple(places)
        hint = f"It touches {', '.join(self.places)}: that takes a replacement (relatesTo.code = replaces)."
        super().__init__(hint, {"Allow": "GET, HEAD, OPTIONS, PATCH"})


class VersionMismatch(HttpRefusal):
    """The document is no longer in the version that If-Match names."""

    status = 412
    issue = "conflict"


class SeveralMatches(HttpRefusal):
    """Several documents match the condition."""

    status = 412
    issue = "multiple-matches"


class UnreadableCondition(InvalidInput):
    """If-Match cannot be read."""

    where = "If-Match"
    remedy = 'Give the ETag that was read, such as W/"3", or * for any version.'


def expected_version(request: Request) -> int:
    """The version that `If-Match` names; 0 when there is none, or when any will do."""
    given = ",".join(request.headers.getlist("if-match")).strip()
    if not given or given == ANY:
        return 0
    found = TAG.fullmatch(given)
    if found is None:
        raise UnreadableCondition
    return int(found[1])


def check_version(expected: int, held: int) -> None:
    """Raises VersionMismatch when a version was asked for and the document has another."""
    if expected and expected != held:
        raise VersionMismatch(f'Read it again: it is now W/"{held}".')
