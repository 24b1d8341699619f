"""Ends with 0 if a Dask scheduler answers: ``_dask_probe.py ADDRESS SECONDS``, a script of its own."""

import os
import resource
import sys
import threading

_BYTES = 4 << 30  # of memory; what answers may be anything and claim to send any amount


def main() -> None:
    sys.path.pop(0)  # the folder of this file, whose modules are of no use to Dask
    address, seconds = sys.argv[1], float(sys.argv[2])
    import asyncio

    from distributed.core import connect

    async def ask() -> bool:
        comm = await connect(address, timeout=seconds)
        await comm.write({"op": "identity", "reply": True})
        return (await comm.read())["type"] == "Scheduler"

    resource.setrlimit(resource.RLIMIT_AS, (_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))
    # Names are looked up in threads that cannot be broken off, so the process is.
    clock = threading.Timer(seconds, os._exit, (1,))
    clock.daemon = True
    clock.start()
    try:
        answered = asyncio.run(asyncio.wait_for(ask(), seconds))
    except Exception:  # noqa: BLE001 -- of whatever kind: it is no scheduler
        answered = False
    os._exit(0 if answered else 1)


if __name__ == "__main__":
    main()
