"""A Modbus server on pymodbus: a peer that shares no line with us.

    pymodbus_server.py tcp PORT          on 127.0.0.1
    pymodbus_server.py rtu DEVICE BAUD   8N1

Unit 1, addresses 0 to 9999: holding register i is i*3+1, input register i is i*5+2, coil i is set
where i is a multiple of 3, discrete input i where i is a multiple of 7. Anything beyond is
answered with exception 2. Prints "ready" when it listens. A write function prints "WRITE" to
stderr and ends the program with code 3: we promise never to send one. Ends on SIGTERM and when its
standard input ends, so that it cannot outlive the test that started it.
"""

import asyncio
import os
import sys
import threading

from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

ADDRESSES = 10_000
UNIT = 1
EXIT_USAGE = 2
EXIT_WRITE = 3
READ_FUNCTIONS = {1, 2, 3, 4, 17}


def contents():
    """The four tables: coils, discrete inputs, holding registers, input registers."""
    words = DataType.REGISTERS
    tables = (
        SimData(0, values=[i % 3 == 0 for i in range(ADDRESSES)], datatype=DataType.BITS),
        SimData(0, values=[i % 7 == 0 for i in range(ADDRESSES)], datatype=DataType.BITS),
        SimData(0, values=[(i * 3 + 1) % 65_536 for i in range(ADDRESSES)], datatype=words),
        SimData(0, values=[(i * 5 + 2) % 65_536 for i in range(ADDRESSES)], datatype=words),
    )
    return SimDevice(UNIT, simdata=tuple([table] for table in tables))


def refuse_writes(is_sending, pdu):
    """Ends the program at the first request that could change something."""
    if not is_sending and pdu.function_code not in READ_FUNCTIONS:
        print("WRITE", file=sys.stderr, flush=True)
        os._exit(EXIT_WRITE)
    return pdu


def end_with_stdin():
    """A test that died closes our standard input."""
    while os.read(0, 4096):
        pass
    os._exit(0)


async def serve(words):
    """Listens, says so, and answers for ever."""
    if words[0] == "tcp":
        address = ("127.0.0.1", int(words[1]))
        server = ModbusTcpServer(contents(), address=address, trace_pdu=refuse_writes)
    else:
        server = ModbusSerialServer(
            contents(),
            port=words[1],
            baudrate=int(words[2]),
            ignore_missing_devices=True,
            trace_pdu=refuse_writes,
        )
    await server.serve_forever(background=True)
    print("ready", flush=True)
    await server.serving


def main():
    """Reads the command line and serves."""
    words = sys.argv[1:]
    if (words[:1], len(words)) not in ((["tcp"], 2), (["rtu"], 3)):
        sys.exit("usage: pymodbus_server.py tcp PORT | rtu DEVICE BAUD")
    threading.Thread(target=end_with_stdin, daemon=True).start()
    asyncio.run(serve(words))


main()
