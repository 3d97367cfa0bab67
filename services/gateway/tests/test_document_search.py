"""ITI-67 and ITI-66: every parameter to a field of the contract; what cannot be served is refused by name."""

from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors import Violation
from gateway.fhir import document_search, lot_search, names
from gateway.fhir.search import (
    MissingSearchParameter,
    Query,
    UnknownSearchParameter,
    WrongSearchParameter,
    sort_out,
)
from socle.dmp.v1 import dmp_pb2 as pb

INS = ("patient.identifier", "urn:oid:1.2.250.1.213.1.4.10|279035121518989")
NEEDED = [INS, ("status", "current")]
LOT = [*NEEDED, ("code", "submissionset")]


def query(pairs: list[tuple[str, str]], known: set[str] = document_search.KNOWN) -> Query:
    return sort_out(pairs, known, lenient=False)


def asked(*pairs: tuple[str, str]) -> pb.ListReadableDocumentsRequest:
    _, request = document_search.read_documents(query([*NEEDED, *pairs]))
    assert request is not None
    return request


def asked_lots(*pairs: tuple[str, str]) -> pb.ListReadableLotsRequest:
    _, request = lot_search.read_lots(query([*LOT, *pairs], lot_search.KNOWN))
    assert request is not None
    return request


def shown(message: Message, path: str) -> Any:
    """A field by its path, as plain Python."""
    value: Any = message
    for step in path.split("."):
        value = getattr(value, step)
    if hasattr(value, "ToJsonString"):
        return value.ToJsonString()
    return list(value) if hasattr(value, "append") else value


DOCUMENTS: list[tuple[tuple[str, str], str, Any]] = [
    (("facility", "urn:x|SA01,SA07"), "facilities", ["SA01", "SA07"]),
    (("setting", "AMBULATOIRE"), "practice_settings", ["AMBULATOIRE"]),
    (("format", "urn:ihe:iti:xds-sd:pdf:2008"), "formats", ["urn:ihe:iti:xds-sd:pdf:2008"]),
    (("security-label", f"{names.CONFIDENTIALITY}|N"), "confidentiality", ["N"]),
    (("event", "DEQP003"), "events", ["DEQP003"]),
    (("_id", "a,b"), "identifiers", ["a", "b"]),
    (
        ("identifier", "urn:ietf:rfc:3986|urn:oid:1.2,|urn:x"),
        "identifiers",
        ["urn:oid:1.2", "urn:x"],
    ),
    (("author", "Practitioner/899900000011,1990000010"), "authors", ["899900000011", "1990000010"]),
    (("author.identifier", f"{names.PROFESSIONALS}|8999"), "authors", ["8999"]),
    (("author:identifier", f"{names.STRUCTURES}|1750000018"), "authors", ["1750000018"]),
    (("author.family", "rouss"), "author_family", "rouss"),
    (("author.given", "cam"), "author_given", "cam"),
    (("related:identifier", "urn:oid:1.2|ACC-1"), "reference", "ACC-1"),
    (("related.identifier", "ACC-1"), "reference", "ACC-1"),
    (("related", "urn:oid:1.2|ACC-1"), "reference", "ACC-1"),
    (("relatesto", "DocumentReference/d-1"), "relates_to", "d-1"),
    (("relatesto", "http://127.0.0.1/fhir/DocumentReference/d-1"), "relates_to", "d-1"),
    (("relatesto:identifier", "urn:ietf:rfc:3986|urn:oid:1.2"), "relates_to", "urn:oid:1.2"),
    (("isArchived", "true"), "archived", True),
    (("isArchived", "false"), "archived", False),
    (("_include", "DocumentReference:relatesto"), "include_related", True),
    (("_sort", "date"), "order", pb.DOCUMENT_ORDER_OLDEST_CREATED),
    (("_sort", "-date"), "order", pb.DOCUMENT_ORDER_UNSPECIFIED),
    (("_sort", "-period-start"), "order", pb.DOCUMENT_ORDER_LATEST_SERVICE),
    (("_sort", "_lastUpdated"), "order", pb.DOCUMENT_ORDER_EARLIEST_CHANGED),
    (("creation", "ge2026-01-02"), "created_from", "2026-01-02T00:00:00Z"),
    (("period-start", "lt2026"), "service_start.to", "2026-01-01T00:00:00Z"),
    (("period-end", "le2026"), "service_end.to", "2027-01-01T00:00:00Z"),
    (("_lastUpdated", "lt2026-05-20T16:00:00.000001Z"), "changed.to", "2026-05-20T16:00:00.000001Z"),
    (("_count", "500"), "page.size", 100),
    (("_page", "abc"), "page.token", "abc"),
]
LOTS: list[tuple[tuple[str, str], str, Any]] = [
    (("date", "lt2026"), "submitted.to", "2026-01-01T00:00:00Z"),
    (("designationType", "urn:x|07,03"), "content_types", ["07", "03"]),
    (("identifier", "urn:oid:1.2"), "unique_id", "urn:oid:1.2"),
    (("sourceId", "urn:ietf:rfc:3986|urn:oid:1.2.9,1.2.8"), "source_ids", ["1.2.9", "1.2.8"]),
    (("source", "Practitioner/8999"), "authors", ["8999"]),
    (("authorOrg.identifier", f"{names.STRUCTURES}|1750000018"), "authors", ["1750000018"]),
    (("source.family", "x"), "author_family", "x"),
    (("source.given", "y"), "author_given", "y"),
    (("title", "sor"), "title", "sor"),
    (("_sort", "_lastUpdated"), "oldest_first", True),
    (("_sort", "-_lastUpdated"), "oldest_first", False),
    (("_include", "List:item"), "include_documents", True),
    (("_lastUpdated", "lt2026"), "received.to", "2026-01-01T00:00:00Z"),
]


@pytest.mark.parametrize(("pair", "path", "value"), DOCUMENTS, ids=str)
def test_parameter_of_documents_reaches_its_field(pair: tuple[str, str], path: str, value: Any) -> None:
    assert shown(asked(pair), path) == value
    assert shown(asked(), path) != value or not value


@pytest.mark.parametrize(("pair", "path", "value"), LOTS, ids=str)
def test_parameter_of_lots_reaches_its_field(pair: tuple[str, str], path: str, value: Any) -> None:
    assert shown(asked_lots(pair), path) == value


def test_every_declared_parameter_is_read_and_tried() -> None:
    tried = {pair[0] for pair, _, _ in DOCUMENTS} | {name for name, _ in NEEDED}
    needed_here = {"patient", "type", "category", "date", "period"}
    assert document_search.PARAMETERS.keys() - tried - {"relatesto.identifier"} == needed_here
    tried = {pair[0] for pair, _, _ in LOTS} | {name for name, _ in LOT}
    assert lot_search.PARAMETERS.keys() - tried == {"patient", "source.identifier", "authorOrg", "isArchived"}


def test_kinds_of_lots_are_told_by_their_code() -> None:
    assert list(asked_lots().kinds) == [pb.LOT_KIND_DEPOSIT, pb.LOT_KIND_CHANGE]
    pairs = [*NEEDED, ("code", f"{names.MHD_LIST_TYPES}|folder")]
    _, request = lot_search.read_lots(query(pairs, lot_search.KNOWN))
    assert request is not None
    assert list(request.kinds) == [pb.LOT_KIND_FOLDER]


# A bound on the period of an act -> bounds on its beginning (from, to) and on its end (from, to).
PERIODS = {
    "2026-05": ("2026-05-01", "", "", "2026-06-01"),
    "ge2026-05": ("", "", "2026-05-01", ""),
    "gt2026-05": ("", "", "2026-06-01", ""),
    "sa2026-05": ("2026-06-01", "", "", ""),
    "le2026-05": ("", "2026-06-01", "", ""),
    "lt2026-05": ("", "2026-05-01", "", ""),
    "eb2026-05": ("", "", "", "2026-05-01"),
}


@pytest.mark.parametrize("bound", PERIODS)
def test_period_is_that_of_the_act_with_its_two_ends(bound: str) -> None:
    request = asked(("period", bound))
    found = [
        getattr(end, side).ToJsonString()[:10] if end.HasField(side) else ""
        for end in (request.service_start, request.service_end)
        for side in ("from", "to")
    ]
    assert found == list(PERIODS[bound])


IMPOSSIBLE = [
    ("identifier", "http://other|urn:oid:1.2"),
    ("author:identifier", "http://other|8999"),
    ("security-label", "http://other|N"),
    ("date", "lt0001-01-01"),
    ("period-start", "lt0001-01-01"),
]


@pytest.mark.parametrize("pair", IMPOSSIBLE, ids=str)
def test_what_cannot_match_is_not_asked(pair: tuple[str, str]) -> None:
    assert document_search.read_documents(query([*NEEDED, pair]))[1] is None


@pytest.mark.parametrize("pair", [("status", "retired"), ("code", "http://other|folder")], ids=str)
def test_lots_that_cannot_be_are_not_asked(pair: tuple[str, str]) -> None:
    pairs = [one for one in LOT if one[0] != pair[0]]
    assert lot_search.read_lots(query([*pairs, pair], lot_search.KNOWN))[1] is None


WRONG = [
    ("_sort", "title"),
    ("_include", "DocumentReference:subject"),
    ("isArchived", "yes"),
    ("author.family", "a,b"),
    ("related", "ServiceRequest/1"),
    ("period", "ap2026"),
    ("_id", "a"),
]


@pytest.mark.parametrize("pair", WRONG, ids=str)
def test_value_that_cannot_be_read_is_refused_at_its_parameter(pair: tuple[str, str]) -> None:
    with pytest.raises(WrongSearchParameter) as caught:
        document_search.read_documents(query([*NEEDED, ("identifier", "urn:oid:1.2"), pair]))
    assert [one.field for one in caught.value.violations] == [pair[0]]


@pytest.mark.parametrize("name", ["type:in", "author:missing", "author.family:exact", "period:not"])
@pytest.mark.parametrize("lenient", [False, True])
def test_modifier_is_refused_by_name_even_when_the_caller_is_lenient(name: str, lenient: bool) -> None:
    """Leaving a modifier aside would search for something else, and for more."""
    with pytest.raises(UnknownSearchParameter) as caught:
        sort_out([(name, "x")], document_search.KNOWN, lenient=lenient)
    assert "modifier" in caught.value.violations[0].problem


@pytest.mark.parametrize(
    "name", ["patient.birthdate", "patient.family", "subject.name", "_has:Patient", "_revinclude", "content"]
)
def test_attribute_that_is_not_searched_is_refused_by_name(name: str) -> None:
    with pytest.raises(UnknownSearchParameter) as caught:
        query([*NEEDED, (name, "x")])
    assert caught.value.violations[0].field == name


@pytest.mark.parametrize("lacking", ["patient.identifier", "status", "code"])
def test_mandatory_parameter_that_lacks_is_told_as_such(lacking: str) -> None:
    with pytest.raises(MissingSearchParameter) as caught:
        lot_search.read_lots(query([one for one in LOT if one[0] != lacking], lot_search.KNOWN))
    assert [one.field for one in caught.value.violations] == [lacking]


def entry(system: str) -> pb.DocumentEntry:
    return pb.DocumentEntry(facility=pb.Coding(system=system, code="SA01"), events=[pb.Coding(code="E")])


def test_code_of_another_system_is_left_out() -> None:
    entries = [entry("urn:a"), entry("urn:b")]
    of_a = document_search.of_system(entries, query([*NEEDED, ("facility", "urn:a|SA01"), ("event", "E")]))
    assert [one.facility.system for one in of_a] == ["urn:a"]
    assert len(document_search.of_system(entries, query([*NEEDED, ("facility", "SA01")]))) == 2


def test_lots_are_kept_as_asked() -> None:
    lots = [
        pb.Lot(lot_id="a", archived=True),
        pb.Lot(lot_id="b", content_type=pb.Coding(system="s", code="07")),
    ]
    archived = query([*LOT, ("isArchived", "true")], lot_search.KNOWN)
    assert [one.lot_id for one in lot_search.kept(lots, archived)] == ["a"]
    typed = query([*LOT, ("designationType", "s|07")], lot_search.KNOWN)
    assert [one.lot_id for one in lot_search.kept(lots, typed)] == ["b"]


def test_fault_of_the_service_is_told_by_its_parameter() -> None:
    subject, _ = document_search.read_documents(query(NEEDED))
    locate = document_search.located(subject)
    assert locate("person_id") == "patient.identifier"
    assert locate("page.token") == "_page"
    assert locate("created_from") == "date"
    assert document_search.located(subject, lot_search.PLACES)("received.from") == "_lastUpdated"


PAIRS = st.lists(
    st.tuples(
        st.sampled_from(sorted({*document_search.KNOWN, *lot_search.KNOWN, "_count", "_page"})),
        st.one_of(
            st.text(max_size=12), st.from_regex(r"(ge|lt|eq)?[0-9]{1,4}(-[0-9]{2}){0,2}", fullmatch=True)
        ),
    ),
    max_size=6,
)


# The machine that runs this may be busy: how long it takes is no part of what is checked.
@settings(deadline=None)
@given(PAIRS, st.sampled_from([document_search, lot_search]))
def test_any_search_is_read_or_refused(pairs: list[tuple[str, str]], search: Any) -> None:
    """Whatever stands in a search, the answer is a request or a refusal that names its parameters."""
    read = search.read_documents if search is document_search else search.read_lots
    faults: list[Violation] = []
    try:
        read(sort_out([*NEEDED, *pairs], search.KNOWN, lenient=True))
    except (MissingSearchParameter, WrongSearchParameter, UnknownSearchParameter) as error:
        faults.extend(error.violations)
    assert all(one.field for one in faults)
