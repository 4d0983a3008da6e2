"""A Sparkplug B edge node of the tests' own: a bin's gateway with one device.

Protobuf is written by hand, so that host and node share no code. Arguments: host, port, bdSeq.
Commands on standard input, one a line: `say VALUE` (data by alias), `lose VALUE` (takes a
sequence number and sends nothing), `dead` (DDEATH), `end` (NDEATH, then DISCONNECT). It prints
`ready` once it is born for the first time, `born` after each later birth, `ncmd` for each command
it gets, and `state PAYLOAD` for each STATE it sees.
"""

import struct
import sys
import time

import paho.mqtt.client as mqtt

ADDRESS, PORT, SESSION = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
seq = 0


def varint(number):
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def whole(field, number):
    return varint(field << 3) + varint(number)


def block(field, content):
    return varint(field << 3 | 2) + varint(len(content)) + content


def double(field, number):
    return varint(field << 3 | 1) + struct.pack("<d", number)


def now():
    return int(time.time() * 1000)


def payload(metrics, number=None):
    out = whole(1, now()) + b"".join(block(2, metric) for metric in metrics)
    return out if number is None else out + whole(3, number)


def following():
    global seq
    seq = (seq + 1) % 256
    return seq


def bd_seq():
    return block(1, b"bdSeq") + whole(4, 4) + whole(11, SESSION)


def say(line):
    print(line, flush=True)


def birth(client):
    global seq
    seq = 0
    rebirth = block(1, b"Node Control/Rebirth") + whole(4, 11) + whole(14, 0)
    temp = block(1, b"temp") + whole(2, 1) + whole(3, now()) + whole(4, 10) + double(13, 20.5)
    client.publish("spBv1.0/court/NBIRTH/gw", payload([bd_seq(), rebirth, temp], 0), qos=0)
    level = block(1, b"distance") + whole(2, 2) + whole(3, now()) + whole(4, 3) + whole(10, 80)
    client.publish("spBv1.0/court/DBIRTH/gw/bin", payload([level], following()), qos=0)


def on_connect(client, _data, _flags, _code, _properties):
    client.subscribe([("spBv1.0/court/NCMD/gw", 1), ("spBv1.0/STATE/+", 1)])


def on_subscribe(client, *_rest):
    birth(client)
    say("ready")


def on_message(client, _data, message):
    if message.topic.startswith("spBv1.0/STATE/"):
        say("state " + message.payload.decode())
        return
    wanted = block(1, b"Node Control/Rebirth")
    assert wanted in message.payload and message.payload.endswith(whole(14, 1)), message.payload
    assert message.qos == 0 and not message.retain
    say("ncmd")
    birth(client)
    say("born")


client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="node-gw", clean_session=True)
client.will_set("spBv1.0/court/NDEATH/gw", payload([bd_seq()]), qos=1, retain=False)
client.on_connect, client.on_subscribe, client.on_message = on_connect, on_subscribe, on_message
client.reconnect_delay_set(1, 1)
client.connect(ADDRESS, PORT, keepalive=10)
client.loop_start()
for line in sys.stdin:
    word, _, rest = line.strip().partition(" ")
    if word == "say":
        level = whole(2, 2) + whole(3, now()) + whole(10, int(rest))
        client.publish("spBv1.0/court/DDATA/gw/bin", payload([level], following()), qos=0)
    elif word == "lose":
        following()
    elif word == "dead":
        client.publish("spBv1.0/court/DDEATH/gw/bin", payload([], following()), qos=0)
    elif word == "end":
        client.publish("spBv1.0/court/NDEATH/gw", payload([bd_seq()]), qos=1).wait_for_publish()
        client.disconnect()
        break
client.loop_stop()
