"""A pymodbus server: `tcp PORT`, `rtu-over-tcp PORT` or `rtu DEVICE BAUD`, unit 1.

Holding register i is i*3+1, input register i is i*5+2, coil i is set where i is a multiple of 3,
discrete input i where i is a multiple of 7, for i below 10,000. A request that writes ends it.
"""

import asyncio
import os
import sys

from pymodbus import FramerType
from pymodbus.datastore import (
    ModbusDeviceContext,
    ModbusSequentialDataBlock,
    ModbusServerContext,
)
from pymodbus.server import ModbusSerialServer, ModbusTcpServer

ADDRESSES = range(10_000)


def only_reads(sending, pdu):
    if not sending and pdu.function_code not in (1, 2, 3, 4):
        print("WRITE", pdu.function_code, flush=True)
        os._exit(3)
    return pdu


def block(value):
    # The blocks count from 1, the protocol from 0.
    return ModbusSequentialDataBlock(1, [value(i) for i in ADDRESSES])


async def main(kind, where, baud=0):
    unit = ModbusDeviceContext(
        co=block(lambda i: i % 3 == 0),
        di=block(lambda i: i % 7 == 0),
        hr=block(lambda i: i * 3 + 1),
        ir=block(lambda i: (i * 5 + 2) % 65_536),
    )
    context = ModbusServerContext(devices={1: unit}, single=False)
    if kind == "rtu":
        server = ModbusSerialServer(
            context, port=where, baudrate=int(baud), trace_pdu=only_reads, ignore_missing_devices=True
        )
    else:
        framer = FramerType.SOCKET if kind == "tcp" else FramerType.RTU
        server = ModbusTcpServer(
            context, framer=framer, address=("127.0.0.1", int(where)), trace_pdu=only_reads
        )
    await server.serve_forever(background=True)
    print("ready", flush=True)
    # Until the test's end of our standard input closes.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)


asyncio.run(main(*sys.argv[1:]))
