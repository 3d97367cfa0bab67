"""Three questions of a lot before its transaction: content, patient, scanner."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from chassis.call import Call
from chassis.errors import NotFound, SocleError, Unavailable
from chassis.testing import NOW, callers
from dmp.api.examination import Examiner
from dmp.clients.identities import Comparison
from dmp.clients.scanner import Scanner
from dmp.domain import Deposit, PersonId, Scan, errors
from dmp.domain.content import HeaderPatient
from dmp.domain.content.errors import ContentInfected, InsMissing, PatientDiffers, ScannerAway

from .cda_given import cda, enclosing, item_of, metadata_of
from .dmp_given import PERSON, deposit, item

SAME = Comparison(True, ())
FICTIVE = b"%PDF-1.4 fictive signature"


class Registry:
    """identity-ins as the examiner meets it: answers as told, keeps what it was asked."""

    def __init__(self, answer: Comparison | SocleError = SAME) -> None:
        self.answer = answer
        self.asked: list[tuple[PersonId, HeaderPatient]] = []

    async def compare(self, person: PersonId, patient: HeaderPatient, call: Call) -> Comparison:
        self.asked.append((person, patient))
        if isinstance(self.answer, SocleError):
            raise self.answer
        return self.answer


class Signatures:
    """A scanner that knows one signature."""

    def __init__(self, away: bool = False) -> None:
        self.away = away
        self.seen: list[bytes] = []

    async def scan(self, content: bytes, field: str = "") -> Scan:
        self.seen.append(content)
        if self.away:
            raise ScannerAway
        if content == FICTIVE:
            raise ContentInfected(field=field)
        return Scan.CLEAN


async def examined(
    lot: Deposit, registry: Registry | None = None, scanner: Signatures | Scanner | None = None
) -> Sequence[Scan]:
    call = Call(callers.doctor, clock=lambda: NOW)
    examiner = Examiner(scanner or Signatures(), registry or Registry())
    return await examiner.examine(PERSON, lot, call)


async def test_lot_that_is_good_gets_a_verdict_for_each_document() -> None:
    registry, scanner = Registry(), Signatures()
    assert await examined(deposit(item_of(), item()), registry, scanner) == (Scan.CLEAN, Scan.CLEAN)
    (person, patient), *others = registry.asked
    assert (person, patient.birth_name, others) == (PERSON, "PAT-TROIS", [])


async def test_file_within_a_document_is_shown_to_the_scanner_decoded() -> None:
    content = cda(body=enclosing(FICTIVE, "application/pdf"))
    scanner = Signatures()
    with pytest.raises(ContentInfected) as refused:
        pdf = replace(metadata_of(content).format, code="urn:ihe:iti:xds-sd:pdf:2008")
        await examined(deposit(item(), item_of(content, format=pdf)), scanner=scanner)
    assert refused.value.field == "documents[1].content"
    assert scanner.seen[-2:] == [content, FICTIVE]


async def test_without_a_scanner_the_state_says_so() -> None:
    assert await examined(deposit(item_of()), scanner=Scanner("")) == (Scan.NOT_SCANNED,)


@pytest.mark.parametrize("answer", [Comparison(False, ()), Comparison(True, ("birth_date",))])
async def test_patient_of_another_record_is_904_and_no_trait_is_told(answer: Comparison) -> None:
    with pytest.raises(PatientDiffers) as refused:
        await examined(deposit(item_of()), Registry(answer))
    assert refused.value.rules == ("CISIS_904", "XDSPatientIdDoesNotMatch")
    assert refused.value.field == "documents[0].content"
    assert "birth_date" not in str(vars(refused.value))


async def test_document_without_an_ins_is_refused_before_anyone_is_asked() -> None:
    registry, scanner = Registry(), Signatures()
    with pytest.raises(InsMissing):
        await examined(deposit(item_of(cda(ins=None))), registry, scanner)
    assert (registry.asked, scanner.seen) == ([], [])


async def test_lot_with_faults_of_metadata_and_of_content_is_told_all_of_them() -> None:
    lot = deposit(item_of(cda(), title="", size=1), item(mime_type="application/pdf"))
    with pytest.raises(errors.DepositRefused) as refused:
        await examined(lot)
    assert [v.field for v in refused.value.violations] == [
        "documents[0].entry.size",
        "documents[1].entry.format",
        "documents[1].content",
    ]


@pytest.mark.parametrize("away", [Unavailable(), NotFound(field="person_id")])
async def test_what_identity_ins_raises_is_raised(away: SocleError) -> None:
    with pytest.raises(type(away)):
        await examined(deposit(item_of()), Registry(away))


async def test_refusal_of_the_patient_goes_before_one_of_the_scanner() -> None:
    with pytest.raises(PatientDiffers):
        await examined(deposit(item_of()), Registry(Comparison(False, ())), Signatures(away=True))


async def test_large_lot_is_examined_beside_the_others() -> None:
    content = b"a" * 200_000
    assert await examined(deposit(item(content))) == (Scan.CLEAN,)
