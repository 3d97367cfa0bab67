"""The person that a REST body is about: the INS stops here, the services know the opaque id alone."""

from __future__ import annotations

from starlette.requests import Request

from socle.identity_ins.v1 import identity_ins_pb2

from . import models
from .clients import Platform, Visit
from .context import context


async def person_of(request: Request, platform: Platform, visit: Visit, body: models.PatientGiven) -> str:
    """The opaque id of the person given; raises what identity-ins raises when it knows no such INS."""
    if body.ins is None:
        return body.person_id or ""
    ins = identity_ins_pb2.Ins(matricule=body.ins.matricule, oid=body.ins.oid)
    return await context(request).persons.resolve(ins, platform, visit)
