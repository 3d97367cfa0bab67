"""The closed lists of document codes, against the files published by the ANS."""

from dmp.domain.terminology import CLASSES, RETIRED, X04, class_of
from tests.conformance.conftest import Reference

PAIRS = "terminologies/csv/X04_type_to_class.csv"
TYPES = "terminologies/csv/JDV_J07_XdsTypeCode_CISIS.csv"
DMP_CLASSES = "own/jdv_j57_class_dmp.csv"


def test_every_pair_of_x04_is_ours_and_no_other(reference: Reference) -> None:
    published = {row["typeCode"]: row["classCode"] for row in reference.rows(PAIRS)}
    assert len(published) > 100
    assert published == X04


def test_classes_of_the_dmp_have_their_published_labels(reference: Reference) -> None:
    rows = [list(row.values())[:2] for row in reference.rows(DMP_CLASSES)]
    assert dict(rows) == CLASSES


def test_type_accepted_on_deposit_is_in_the_published_list(reference: Reference) -> None:
    """J07 is what a deposit may use: nothing outside it is taken, nothing retired is offered."""
    codes = {next(iter(row.values())) for row in reference.rows(TYPES)}
    accepted = {code for code in codes | X04.keys() if class_of(code)}
    assert accepted <= codes
    assert not RETIRED & codes


def test_type_of_the_published_list_is_accepted_when_its_class_is_one_of_the_dmp(
    reference: Reference,
) -> None:
    pairs = {row["typeCode"]: row["classCode"] for row in reference.rows(PAIRS)}
    codes = {next(iter(row.values())) for row in reference.rows(TYPES)}
    refused = {code for code in codes if pairs.get(code) in CLASSES and class_of(code) != pairs[code]}
    assert not refused
