"""An integrator who calls one service: standard gRPC and what reflection tells, nothing generated."""

import secrets
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from socle_local.issuer.tokens import fetch
from socle_local.journey import Patient, Reach
from socle_local.personas import HOSPITAL
from socle_local.platform import Platform

IDENTITY, DMP = "socle.identity_ins.v1.IdentityInsService", "socle.dmp.v1.DmpService"
OF = {"identity-ins": IDENTITY, "dmp": DMP}
DETAILS = "grpc-status-details-bin"


class Direct:
    """A client made of what the server tells: no contract on this side."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self._database = ProtoReflectionDescriptorDatabase(channel)
        self._pool = DescriptorPool(self._database)

    def services(self) -> set[str]:
        return set(self._database.get_services())

    def call(
        self, service: str, method: str, fields: dict[str, Any], token: str = "", **more: str
    ) -> Message:
        found = self._pool.FindServiceByName(service).FindMethodByName(method)
        request = GetMessageClass(found.input_type)(**fields)
        call: Any = self._channel.unary_unary(
            f"/{service}/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=GetMessageClass(found.output_type).FromString,
        )
        metadata = [("authorization", f"Bearer {token}")] if token else []
        answer: Message = call(request, metadata=[*metadata, *more.items()], timeout=10)
        return answer


@pytest.fixture(scope="module", params=sorted(OF))
def each(request: pytest.FixtureRequest, platform: Platform) -> Iterator[tuple[str, grpc.Channel]]:
    with grpc.insecure_channel(platform.ports.address(request.param)) as channel:
        yield OF[request.param], channel


@pytest.fixture(scope="module")
def identity(platform: Platform) -> Iterator[Direct]:
    with grpc.insecure_channel(platform.ports.address("identity-ins")) as channel:
        yield Direct(channel)


@pytest.fixture(scope="module")
def dmp(platform: Platform) -> Iterator[Direct]:
    with grpc.insecure_channel(platform.ports.address("dmp")) as channel:
        yield Direct(channel)


@pytest.fixture(scope="module")
def integrator(reach: Reach) -> str:
    return fetch(reach.issuer, "integrator")


def faults(error: Any) -> tuple[error_details_pb2.ErrorInfo, error_details_pb2.BadRequest]:
    """The details every refusal carries (google.rpc.Status)."""
    raw = next(value for key, value in error.trailing_metadata() if key == DETAILS)
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status_pb2.Status.FromString(raw).details:
        detail.Unpack(info)
        detail.Unpack(bad)
    return info, bad


def traits_of(patient: Patient) -> dict[str, Any]:
    return {**patient.traits, "sex": {"male": 1, "female": 2}[patient.sex]}


def test_health_is_told_without_a_token(each: tuple[str, grpc.Channel]) -> None:
    service, channel = each
    stub: Any = health_pb2_grpc.HealthStub(channel)
    for name in ("", service):
        answer = stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_reflection_lists_the_contract(each: tuple[str, grpc.Channel]) -> None:
    service, channel = each
    assert {service, "grpc.health.v1.Health"} <= Direct(channel).services()


def test_call_with_a_reflected_contract_when_allowed_is_answered(
    identity: Direct, integrator: str, patient: Patient
) -> None:
    ipp = f"IPP-{secrets.token_hex(6)}"
    made: Any = identity.call(
        IDENTITY, "CreateIdentity", {"traits": traits_of(patient), "ipp": ipp}, integrator
    )
    read: Any = identity.call(IDENTITY, "GetIdentity", {"identity_id": made.identity.id}, integrator)
    assert (read.identity.ipp, read.identity.domain) == (ipp, HOSPITAL.id_nat)


def test_idempotency_key_in_metadata_protects_a_direct_call(
    identity: Direct, integrator: str, patient: Patient
) -> None:
    fields = {"traits": traits_of(patient), "ipp": f"IPP-{secrets.token_hex(6)}"}
    key = {"idempotency-key": secrets.token_hex(8)}
    first = identity.call(IDENTITY, "CreateIdentity", fields, integrator, **key)
    assert identity.call(IDENTITY, "CreateIdentity", fields, integrator, **key) == first


def test_direct_call_without_a_token_is_unauthenticated(identity: Direct, dmp: Direct) -> None:
    for client, service, method in ((identity, IDENTITY, "GetIdentity"), (dmp, DMP, "GetRecord")):
        with pytest.raises(grpc.RpcError) as refused:
            client.call(service, method, {})
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert faults(refused.value)[0].reason == "TOKEN_MISSING"


def test_direct_call_of_another_kind_of_caller_is_refused_with_its_reason(
    dmp: Direct, integrator: str, patient: Patient
) -> None:
    """A machine feeds records and reads none."""
    with pytest.raises(grpc.RpcError) as refused:
        dmp.call(DMP, "ListReadableDocuments", {"person_id": patient.person_id}, integrator)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert faults(refused.value)[0].reason == "KIND_NOT_ALLOWED"


def test_every_fault_of_a_direct_call_is_told_at_once(identity: Direct, integrator: str) -> None:
    traits = {"birth_name": "", "birth_first_names": [], "birth_date": "30/02/1990"}
    with pytest.raises(grpc.RpcError) as refused:
        identity.call(IDENTITY, "CreateIdentity", {"traits": traits, "ipp": "a b"}, integrator)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    told = {fault.field for fault in faults(refused.value)[1].field_violations}
    assert {"traits.birth_name", "traits.birth_first_names", "traits.sex", "traits.birth_date", "ipp"} <= told


def test_service_only_method_is_closed_to_people_and_machines(
    identity: Direct, integrator: str, patient: Patient
) -> None:
    fields = {"person_id": patient.person_id, "domain": HOSPITAL.id_nat}
    with pytest.raises(grpc.RpcError) as refused:
        identity.call(IDENTITY, "GetStanding", fields, integrator)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
