"""Every criterion and every order of a search, of documents and of lots, on a real PostgreSQL."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chassis.caller import Caller
from chassis.db import Tx
from chassis.testing import NOW, callers
from dmp import domain, usecases
from dmp.domain import (
    Change,
    Document,
    DocumentId,
    Grant,
    GranteeKind,
    LotId,
    LotKind,
    LotSearch,
    Order,
    PersonId,
    Range,
    Search,
    Status,
    Words,
    details,
    errors,
)
from dmp.usecases import lots

from .dmp_given import KEY, PERSON, changed, codes, deposit, item, journal, seen, submitted

Deposited = Callable[..., Awaitable[Document]]
READER = callers.other_doctor
DAY = timedelta(days=1)
ACCESSION = domain.Reference("2026-0017", "urn:oid:1.2.250.1.999", "accession")
ANNE = domain.Author(callers.doctor.subject, "TEST-DOCTEUR", "Anne", "1750000018")
NURSE = domain.Author(callers.nurse.subject, "ÉLUARD", "Zoé", "1130000017")


def looking(**words: str) -> Search:
    return Search(tokens=details.tokens_of(KEY, Words(**words)))


@pytest.fixture
async def report(deposited: Deposited) -> Document:
    return await deposited(
        created_at=NOW - 2 * DAY,
        service_start=NOW - 9 * DAY,
        service_end=NOW - 8 * DAY,
        authors=(ANNE,),
        references=(ACCESSION,),
        events=(domain.Coding("ABCD001"),),
    )


@pytest.fixture
async def certificate(deposited: Deposited, report: Document) -> Document:
    return await deposited(
        type=domain.Coding("89601-9"),
        category=domain.Coding("52"),
        facility=domain.Coding("SA07"),
        practice_setting=domain.Coding("AMBULATOIRE"),
        format=domain.Coding("urn:x"),
        confidentiality=codes("R", "INVISIBLE_REPRESENTANTS_LEGAUX"),
        authors=(NURSE,),
    )


async def test_search_by_each_criterion(tx: Tx, report: Document, certificate: Document) -> None:
    archived = await changed(tx, callers.doctor, report.id, Change.ARCHIVE)
    both, one, other, none = [certificate, report], [report], [certificate], list[Document]()
    for wanted, expected in [
        (Search(), both),
        (Search(types=("89601-9",)), other),
        (Search(classes=("10",)), one),
        (Search(classes=("10", "52")), both),
        (Search(facilities=("SA07",)), other),
        (Search(practice_settings=("ETABLISSEMENT",)), one),
        (Search(formats=("urn:x",)), other),
        (Search(confidentiality=("N",)), one),
        (Search(confidentiality=("INVISIBLE_REPRESENTANTS_LEGAUX", "MASQUE_PS")), other),
        (Search(events=("ABCD001", "other")), one),
        (Search(authors=(callers.nurse.subject,)), other),
        (Search(authors=("1750000018",)), one),
        (Search(authors=("1750000018", "1130000017")), both),
        (Search(unique_id=report.facts.unique_id), one),
        (Search(identifiers=(report.id.value,)), one),
        (Search(identifiers=(archived.entry_id.value, certificate.facts.unique_id)), both),
        (Search(identifiers=(report.entry_id.value,)), none),
        (Search(created=Range(certificate.facts.created_at)), other),
        (Search(created=Range(end=certificate.facts.created_at)), one),
        (Search(service_start=Range(NOW - 9 * DAY, NOW - 8 * DAY)), one),
        (Search(service_start=Range(NOW - 8 * DAY)), other),
        (Search(service_end=Range(NOW - 8 * DAY, NOW - 7 * DAY)), one),
        # An act without an end ends when it starts.
        (Search(service_end=Range(NOW - DAY)), other),
        (Search(changed=Range(archived.changed_at)), one),
        (Search(archived=True), one),
        (Search(archived=False), other),
        (Search(statuses=(Status.CURRENT,)), both),
        (Search(statuses=(Status.SUPERSEDED,)), none),
        (looking(family="test-doc"), one),
        (looking(family="eluard"), other),
        (looking(family="eluard", given="z"), other),
        (looking(family="eluard", given="anne"), none),
        (looking(reference="2026-0017"), one),
        (looking(reference="2026-0018"), none),
        (Search(types=("89601-9",), classes=("10",)), none),
    ]:
        assert await seen(tx, callers.citizen, wanted) == [d.id for d in expected], wanted


@pytest.mark.parametrize(
    ("order", "newest_first", "by"),
    [
        (Order.NEWEST_CREATED, True, "created"),
        (Order.OLDEST_CREATED, False, "created"),
        (Order.LATEST_SERVICE, True, "service"),
        (Order.EARLIEST_SERVICE, False, "service"),
        (Order.LATEST_CHANGED, True, "changed"),
        (Order.EARLIEST_CHANGED, False, "changed"),
    ],
)
async def test_pages_follow_each_other_in_every_order_even_when_moments_are_equal(
    tx: Tx, deposited: Deposited, order: Order, newest_first: bool, by: str
) -> None:
    made = [
        await deposited(created_at=NOW - (n % 3) * DAY, service_start=NOW - (n % 2) * DAY) for n in range(7)
    ]
    moments: dict[str, Callable[[Document], Any]] = {
        "created": lambda d: d.facts.created_at,
        "service": lambda d: d.facts.service_start,
        "changed": lambda d: d.changed_at,
    }
    expected = sorted(made, key=lambda d: (moments[by](d), d.id.value), reverse=newest_first)
    found: list[DocumentId] = []
    wanted = Search(size=2, order=order)
    while True:
        page = await usecases.list_readable_documents(tx, callers.citizen, PERSON, wanted, NOW)
        found += [d.id for d in page.documents]
        if page.after is None:
            break
        assert len(page.documents) == 2
        wanted = replace(wanted, after=page.after)
    assert found == [d.id for d in expected]


# -- lots


async def found_lots(tx: Tx, caller: Caller, wanted: LotSearch) -> list[LotId]:
    return [lot.id for lot in (await lots.list_readable_lots(tx, caller, PERSON, wanted, NOW)).lots]


async def test_lots_by_each_criterion(tx: Tx, record: PersonId) -> None:
    sender = domain.Author(callers.doctor.subject, "ÉLUARD", "Zoé", callers.doctor.organisation)
    first = await submitted(tx, callers.doctor, deposit(title="Séjour de mai", author=sender))
    second_sent = deposit(
        content_type=domain.Coding("03"), source_id="1.2.250.1.999.4", submitted_at=NOW - DAY, title="Autre"
    )
    second = await submitted(tx, callers.doctor, second_sent)
    received = [d.documents[0].submitted_at for d in (first, second)]
    both, one, other, none = [second.lot_id, first.lot_id], [first.lot_id], [second.lot_id], list[LotId]()

    def looking(**words: str) -> LotSearch:
        return LotSearch(tokens=details.tokens_of(KEY, Words(**words)))

    for wanted, expected in [
        (LotSearch(), both),
        (LotSearch(oldest_first=True), both[::-1]),
        (LotSearch(kinds=(LotKind.DEPOSIT,)), both),
        (LotSearch(kinds=(LotKind.CHANGE,)), none),
        (LotSearch(unique_id=second_sent.lot.unique_id), other),
        (LotSearch(source_ids=("1.2.250.1.999.4",)), other),
        (LotSearch(content_types=("07", "19")), one),
        (LotSearch(submitted=Range(end=NOW)), other),
        (LotSearch(received=Range(received[1])), other),
        (LotSearch(received=Range(received[0], received[1])), one),
        (LotSearch(authors=(callers.doctor.subject,)), one),
        (LotSearch(authors=(callers.doctor.organisation, "x")), one),
        (looking(title="sejour"), one),
        (looking(title="mai"), none),
        (looking(family="elu", given="zoe"), one),
        (looking(family="elu", title="autre"), none),
    ]:
        assert await found_lots(tx, callers.citizen, wanted) == expected, wanted


async def test_lot_comes_back_with_its_words(tx: Tx, record: PersonId) -> None:
    sent = deposit(title="Séjour", comments="à suivre", intended_recipients=("810100000029",))
    done = await submitted(tx, callers.doctor, sent)
    found = (await lots.read_lot(tx, callers.citizen, done.lot_id, NOW)).lots[0]
    assert details.open_lot(KEY, found) == sent.lot


async def test_pages_of_lots_follow_each_other(tx: Tx, deposited: Deposited) -> None:
    made = [(await deposited()).lot_id for _ in range(5)]
    for oldest_first in (True, False):
        found: list[LotId] = []
        wanted = LotSearch(size=2, oldest_first=oldest_first)
        while True:
            page = await lots.list_readable_lots(tx, callers.citizen, PERSON, wanted, NOW)
            found += [lot.id for lot in page.lots]
            if page.after is None:
                break
            wanted = replace(wanted, after=page.after)
        assert found == (made if oldest_first else made[::-1])


async def test_lot_shows_only_what_its_reader_may_know(tx: Tx, record: PersonId) -> None:
    plain, masked = item(), item(confidentiality=codes("N", "MASQUE_PS"))
    mixed = await submitted(tx, callers.doctor, deposit(plain, masked))
    hidden = await submitted(tx, callers.doctor, deposit(item(confidentiality=codes("N", "MASQUE_PS"))))
    grant = Grant(READER.subject, GranteeKind.PROFESSIONAL)
    await usecases.grant_access(tx, callers.citizen, PERSON, grant, NOW)
    found = await lots.list_readable_lots(tx, READER, PERSON, LotSearch(), NOW)
    assert [(lot.id, lot.documents) for lot in found.lots] == [(mixed.lot_id, (mixed.documents[0].id,))]
    assert [d.id for d in found.documents] == [mixed.documents[0].id]
    assert len((await lots.read_lot(tx, callers.citizen, mixed.lot_id, NOW)).lots[0].documents) == 2
    for lot in (hidden.lot_id, LotId.new()):
        with pytest.raises(errors.LotNotFound) as refused:
            await lots.read_lot(tx, READER, lot, NOW)
        assert refused.value.refusal is not None
        assert (refused.value.hint, refused.value.rules) == ("", ())


async def test_reading_a_lot_is_a_line_of_the_journal(tx: Tx, deposited: Deposited) -> None:
    document = await deposited()
    await lots.read_lot(tx, callers.citizen, document.lot_id, NOW)
    assert (await journal(tx))[-1] == ("dmp_lot.read", "permitted", document.lot_id.value, ["L1111-19"])
    await lots.list_readable_lots(tx, READER, PERSON, LotSearch(), NOW)
    assert (await journal(tx))[-1] == ("dmp_lot.search", "refused", "", ["R1111-46"])
