"""The official CDA samples: each is read, agrees with the metadata derived from it, and shows as a page.

One is refused, for a stated reason.
"""

import pytest

from chassis.testing import NOW, callers
from dmp import domain, policy
from dmp.api import read, write
from dmp.domain import Deposit
from dmp.domain import content as contents
from dmp.domain.content import bounds, cda, formats, metadata, view
from dmp.domain.content.errors import EnclosedFileNotReadable
from socle.dmp.v1 import dmp_pb2 as pb
from tests.conformance.conftest import Reference

PDF = "urn:ihe:iti:xds-sd:pdf:2008"
# File -> type, format, what its page must show; the test patients of the ANS bear the names shown.
ACCEPTED: dict[str, tuple[str, str, str]] = {
    "ins-dmp/cda/CSE-MDE_2023.01.xml": ("29274-8", "urn:ans:ci-sis:cse-mde:2023", "DECOURCY"),
    "ins-dmp/cda/IMG_CR_IMG_2024.01_CDA-R2-Niveau-1.xml": ("18748-4", PDF, "view/enclosed"),
    "ins-dmp/cda/LDL-SES_2022.01.xml": ("11490-0", "urn:asip:ci-sis:ldl-ses:2017", "Traitements à la sortie"),
    "ins-dmp/cda/VAC-NOTE_2023.01.xml": ("87273-9", "urn:asip:ci-sis:vac-note:2021", "PAT-TROIS"),
    "ins-dmp/cda/VAC_2023.01.xml": ("11369-6", "urn:asip:ci-sis:vac:2019", "PAT-TROIS"),
    "cda-eprescription/eDISP-MED_2024.01.xml": ("60593-1", "urn:ihe:pharm:dis:2010", "NESSI"),
    "cda-eprescription/eP-MED-DM_2022.01_PosoStruct.xml": ("57833-6", "urn:ihe:pharm:pre:2010", "PAT-TROIS"),
    "cda-eprescription/eP-MED-DM_2023.01_PosoNonStruct.xml": (
        "57833-6",
        "urn:ihe:pharm:pre:2010",
        "PAT-TROIS",
    ),
    "cda-eprescription/eP-MED-DM_2024.01_PosoNonStruct.xml": (
        "57833-6",
        "urn:ihe:pharm:pre:2010",
        "PAT-TROIS",
    ),
    "cda-eprescription/eP-MED-DM_2024.01_PosoStruct.xml": ("57833-6", "urn:ihe:pharm:pre:2010", "PAT-TROIS"),
}
# The PDF was cut out of the copy: a text that is not base64 stands in its place.
REFUSED = "ins-dmp/cda/DOC_NON_STRUCTURE_CDA-R2-N1.header-only.xml"


def deposit_of(content: bytes) -> Deposit:
    """A lot of this document, its metadata generated from its own header and sent as messages."""
    entry = write.unsubmitted(metadata.generate(content))
    lot = pb.Lot(
        unique_id="urn:oid:1.2.250.1.999.5", source_id="1.2.250.1.999.3", content_type=pb.Coding(code="07")
    )
    request = pb.SubmitDocumentsRequest(lot=lot, documents=[pb.Document(entry=entry, content=content)])
    return read.deposit(request, policy.Parameters())


def test_every_sample_is_in_the_table(reference: Reference) -> None:
    where = reference.folder.parent
    folders = ("ins-dmp/cda", "cda-eprescription")
    there = {f"{folder}/{file.name}" for folder in folders for file in (where / folder).glob("*.xml")}
    assert there == {*ACCEPTED, REFUSED}


@pytest.mark.parametrize("name", ACCEPTED)
def test_sample_is_accepted_with_the_metadata_of_its_own_header(reference: Reference, name: str) -> None:
    content = (reference.folder.parent / name).read_bytes()
    type_code, format_code, _ = ACCEPTED[name]
    deposit = deposit_of(content)
    domain.examine(deposit, domain.arrival_of(callers.doctor, NOW))
    entry = deposit.items[0].entry
    assert (entry.type.code, entry.format.code) == (type_code, format_code)
    patient, _ = contents.opened(content, "content")
    assert patient.ins is not None
    assert len(patient.ins.matricule) == 15


@pytest.mark.parametrize("name", ACCEPTED)
def test_sample_shows_as_a_page_without_script(reference: Reference, name: str) -> None:
    content = (reference.folder.parent / name).read_bytes()
    page = view.page(deposit_of(content).items[0].entry, content).decode()
    assert ACCEPTED[name][2] in page
    assert "<script" not in page.lower()
    assert "http://" not in page
    assert "https://" not in page


def test_sample_whose_file_was_cut_out_is_refused_at_that_place(reference: Reference) -> None:
    content = (reference.folder.parent / REFUSED).read_bytes()
    header = cda.read(bounds.tree(content))
    assert (header.code.code, header.patient.birth_name) == ("11502-2", "PAT-TROIS")
    with pytest.raises(EnclosedFileNotReadable) as refused:
        domain.examine(deposit_of(content), domain.arrival_of(callers.doctor, NOW))
    assert refused.value.field == "documents[0].content"
    assert "/ClinicalDocument/component/nonXMLBody/text" in refused.value.hint


def test_table_of_formats_is_the_published_one(reference: Reference) -> None:
    published = reference.rows("terminologies/csv/A11_cda_template_to_formatCode.csv")
    level_1 = "1.3.6.1.4.1.19376.1.2.20"
    expected = {
        one["cdaTemplateId"]: one["xdsFormatCode"] for one in published if one["cdaTemplateId"] != level_1
    }
    of_level_1 = {one["xdsFormatCode"] for one in published if one["cdaTemplateId"] == level_1}
    assert expected == formats.OF_TEMPLATE
    assert set(formats.OF_ENCLOSED.values()) == of_level_1
