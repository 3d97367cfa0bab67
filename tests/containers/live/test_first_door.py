"""The first door of a service, in a container with its own manifest: who comes as far as the token."""

from typing import Any

import grpc
import pytest

from socle_local.manifest import Service
from tests.containers.platform import ContainerPlatform

# Which program is tried at which service: one of its callers, one that is none.
READ = {
    "dmp": "/socle.dmp.v1.DmpService/GetRecord",
    "eprescription": "/socle.eprescription.v1.PrescriptionService/GetPrescription",
    "identity-ins": "/socle.identity_ins.v1.IdentityInsService/GetIdentity",
}


def knock(platform: ContainerPlatform, service: str, program: str) -> grpc.RpcError:
    """What a service answers to an empty call without a token; `program` shows its certificate, if any."""
    store = platform.manifests.store
    authority = store.secret(f"{service}-tls", "the tests")["ca.crt"]
    shown = store.secret(f"{program}-tls", "the tests") if program else {}
    credentials = grpc.ssl_channel_credentials(authority, shown.get("tls.key"), shown.get("tls.crt"))
    address = platform.cluster[service].address
    # The certificate is verified for the service's name; only the way there is this test's own.
    named = [("grpc.ssl_target_name_override", service)]
    with (
        grpc.secure_channel(f"{address}:15050", credentials, options=named) as channel,
        pytest.raises(grpc.RpcError) as refused,
    ):
        call: Any = channel.unary_unary(READ[service])
        call(b"", timeout=5)
    return refused.value


@pytest.mark.parametrize("service", sorted(READ))
def test_a_caller_of_the_list_is_asked_for_a_token(pods: ContainerPlatform, service: str) -> None:
    assert knock(pods, service, "gateway").code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("service", sorted(READ))
def test_another_program_of_the_platform_is_refused(pods: ContainerPlatform, service: str) -> None:
    told = {one.name: one for one in pods.services}
    stranger = outside(told[service], pods)
    assert knock(pods, service, stranger).code() is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize("service", sorted(READ))
def test_nobody_comes_in_without_a_certificate(pods: ContainerPlatform, service: str) -> None:
    assert knock(pods, service, "").code() is grpc.StatusCode.UNAVAILABLE


def test_every_service_with_an_address_is_tried(pods: ContainerPlatform) -> None:
    assert {one.name for one in pods.services if one.grpc} == set(READ)


def outside(service: Service, platform: ContainerPlatform) -> str:
    """A program with a certificate of the platform that is no caller of the service."""
    programs = [*(one.name for one in platform.services), "nats"]
    return next(name for name in programs if name not in {*service.callers, service.name})


def test_files_of_keys_are_closed_to_others(pods: ContainerPlatform) -> None:
    """No mounted Secret can be read by another user than the pod's own group."""
    wide = [
        f"{pod.pod.name}: {volume.name}/{file.path} {file.mode:o}"
        for pod in pods.cluster.pods
        for volume in pod.pod.volumes
        for file in volume.files or ()
        if file.mode & 0o007 and file.path != "ca.crt"
    ]
    assert wide == []
