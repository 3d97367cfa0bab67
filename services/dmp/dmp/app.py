"""Composition root of the DMP."""

from __future__ import annotations

import chassis

from . import consumers, store
from .api import DmpServicer
from .clients import Standing


class Settings(chassis.Settings):
    """Nothing of its own yet."""

    grpc_listen: str = "127.0.0.1:15052"


async def build(base: chassis.Base[Settings]) -> chassis.App:
    standing = Standing(base.channel("identity-ins"), base.own_call)
    return chassis.App(
        servicers=[DmpServicer(base.db, standing.is_qualified)],
        consumers=consumers.TABLE,
        constraints=store.CONSTRAINTS,
    )


if __name__ == "__main__":
    chassis.run("dmp", build, Settings)
