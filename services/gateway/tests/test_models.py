"""Every body follows its contract: a field or a word that the contract does not know would be lost."""

from typing import Any, Literal, get_args, get_origin

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from pydantic import BaseModel, ValidationError

from gateway import models, wire
from gateway.models.base import Body
from socle.dmp.v1 import dmp_pb2
from socle.eprescription.v1 import dispensing_pb2, eprescription_pb2, medicines_pb2
from socle.identity_ins.v1 import exchange_pb2, identity_ins_pb2, insi_pb2, vigilance_pb2

PAIRS: list[tuple[type[BaseModel], Any]] = [
    (models.NewIdentity, identity_ins_pb2.CreateIdentityRequest),
    (models.NewCorrection, identity_ins_pb2.CorrectTraitsRequest),
    (models.IdentitySearch, identity_ins_pb2.ListIdentitiesRequest),
    (models.Retrieval, identity_ins_pb2.RetrieveInsRequest),
    (models.InsCheck, identity_ins_pb2.VerifyInsRequest),
    (models.MarkClearance, identity_ins_pb2.ClearIdentityMarkRequest),
    (models.InsiSearch, identity_ins_pb2.SearchInsRequest),
    (models.CardSearch, insi_pb2.SearchInsByCardRequest),
    (models.Verification, insi_pb2.VerifyInsTraitsRequest),
    (models.NumberReplacement, insi_pb2.ReplaceNumberRequest),
    (models.MatchQuery, vigilance_pb2.MatchIdentitiesRequest),
    (models.Settlement, vigilance_pb2.SettleVigilanceCaseRequest),
    (models.NewMerge, vigilance_pb2.MergeIdentitiesRequest),
    (models.PamText, exchange_pb2.ReadPamMessageRequest),
    (models.NewSubmission, dmp_pb2.SubmitDocumentsRequest),
    (models.ChangedPrescription, eprescription_pb2.ChangePrescriptionRequest),
    (models.NewSignature, eprescription_pb2.SignPrescriptionRequest),
    (models.Cancellation, eprescription_pb2.CancelPrescriptionRequest),
    (models.NewClaim, dispensing_pb2.ClaimPrescriptionRequest),
    (models.Release, dispensing_pb2.ReleasePrescriptionRequest),
    (models.NewDispensing, dispensing_pb2.RecordDispensingRequest),
    (models.NewExceptionalRenewal, dispensing_pb2.RenewExceptionallyRequest),
    (models.OfflineDispensing, dispensing_pb2.RecordOfflineDispensingRequest),
    (models.NewOpposition, dispensing_pb2.SetOppositionRequest),
    (models.MedicineQuery, medicines_pb2.SearchMedicinesRequest),
    (models.ComparedProducts, medicines_pb2.CompareProductsRequest),
]


@pytest.mark.parametrize(("model", "message"), PAIRS, ids=lambda one: one.__name__)
def test_body_has_the_fields_and_words_of_its_message(model: type[BaseModel], message: Any) -> None:
    agree(model, message.DESCRIPTOR)


def agree(model: type[BaseModel], descriptor: Descriptor) -> None:
    for name, field in model.model_fields.items():
        told = descriptor.fields_by_name[field.alias or name]
        for word in words(field.annotation):
            assert told.enum_type is not None, (model.__name__, name)
            assert word in wire.enum_names(told.enum_type), (model.__name__, name, word)
        for inner in bodies(field.annotation):
            agree(inner, message_of(told))


def message_of(field: FieldDescriptor) -> Descriptor:
    assert field.message_type is not None, field.full_name
    return field.message_type


def words(annotation: Any) -> list[str]:
    """The words of every `Literal` inside."""
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [word for inner in get_args(annotation) for word in words(inner)]


def bodies(annotation: Any) -> list[type[Body]]:
    """Every body inside."""
    if isinstance(annotation, type) and issubclass(annotation, Body):
        return [annotation]
    return [body for inner in get_args(annotation) for body in bodies(inner)]


@pytest.mark.parametrize("date", ["1979", "1979-03", "1979-03-28"])
def test_birth_date_may_be_known_in_part(date: str) -> None:
    traits = {"birth_name": "X", "birth_first_names": ["Y"], "sex": "unknown", "birth_date": date}
    assert models.NewIdentity.model_validate({"traits": traits}).traits.birth_date == date


@pytest.mark.parametrize("date", ["", "79", "1979-3", "28/03/1979", "1979-03-28T00:00", "1979-03-28\n"])
def test_birth_date_in_another_form_is_refused(date: str) -> None:
    traits = {"birth_name": "X", "birth_first_names": ["Y"], "sex": "unknown", "birth_date": date}
    with pytest.raises(ValidationError):
        models.NewIdentity.model_validate({"traits": traits})
