"""A Modbus client on pymodbus, for tests of our own servers.

    pymodbus_client.py tcp PORT | rtu DEVICE BAUD | rtu-over-tcp PORT

Takes one request a line from standard input: UNIT FUNCTION ADDRESS COUNT, where the function is
1 to 4, or 6 to try a write of COUNT. Answers each with one line: values between spaces,
"exception CODE", or "none" where no valid reply came within a second. Ends with its input.
"""

import sys

from pymodbus import FramerType, ModbusException
from pymodbus.client import ModbusSerialClient, ModbusTcpClient

LIMITS = {"timeout": 1, "retries": 0}


def connect(words):
    """The client that the command line asks for."""
    if words[0] == "rtu":
        return ModbusSerialClient(words[1], baudrate=int(words[2]), **LIMITS)
    framer = FramerType.SOCKET if words[0] == "tcp" else FramerType.RTU
    return ModbusTcpClient("127.0.0.1", port=int(words[1]), framer=framer, **LIMITS)


def ask(client, unit, function, address, count):
    """One request, as one line."""
    read = {
        1: client.read_coils,
        2: client.read_discrete_inputs,
        3: client.read_holding_registers,
        4: client.read_input_registers,
    }
    if not client.connected:
        client.connect()
    try:
        if function == 6:
            reply = client.write_register(address, count, device_id=unit)
        else:
            reply = read[function](address, count=count, device_id=unit)
    except ModbusException:
        return "none"
    if reply.isError():
        return f"exception {reply.exception_code}"
    values = reply.bits[:count] if function < 3 else reply.registers
    return " ".join(str(int(value)) for value in values)


def main():
    """Connects, then answers line by line."""
    client = connect(sys.argv[1:])
    if not client.connect():
        sys.exit("cannot connect")
    for line in sys.stdin:
        print(ask(client, *(int(word) for word in line.split())), flush=True)
    client.close()


main()
