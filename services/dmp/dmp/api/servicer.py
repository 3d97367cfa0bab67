"""The servicer of documents: one transaction an RPC; what another system must say or do comes before it."""

from __future__ import annotations

from chassis.db import Database
from dmp import policy
from dmp.clients.blobs import Blobs
from dmp.clients.keys import RecordKeys
from socle.dmp.v1 import dmp_pb2 as pb

from .accessing import Accessing
from .changing import Changing
from .depositing import Depositing, Examines
from .qualification import Qualification, Standing
from .reading import Reading


class DmpServicer(Accessing, Depositing, Reading, Changing):
    """`socle.dmp.v1.DmpService`, its RPCs in one module each for what they do.

    `standing` asks identity-ins whether a structure has qualified a person, `examiner` looks at what is sent.
    """

    service = pb.DESCRIPTOR.services_by_name["DmpService"]

    def __init__(
        self,
        db: Database,
        standing: Standing,
        keys: RecordKeys,
        blobs: Blobs,
        examiner: Examines,
        parameters: policy.Parameters | None = None,
    ) -> None:
        self.db = db
        self.standing = standing
        self.qualification = Qualification(db, standing)
        self.keys = keys
        self.blobs = blobs
        self.examiner = examiner
        self.parameters = parameters or policy.Parameters()
