"""A relay of the probe in a process of its own, until SIGTERM; its environment says where everything is."""

import asyncio
import os
import signal
from contextlib import suppress

import nats

from chassis.relay import Relay


async def main() -> None:
    client = await nats.connect(
        os.environ["NATS_URL"],
        user="probe",
        password=os.environ["NATS_PASSWORD"],
        inbox_prefix=b"_INBOX_probe",
    )
    relay = Relay("probe", os.environ["DATABASE_URL"], os.environ["DATABASE_PASSWORD"], client)
    work = asyncio.create_task(relay.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, work.cancel)
    with suppress(asyncio.CancelledError):
        await work
    await client.close()


asyncio.run(main())
