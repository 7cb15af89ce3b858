"""Reads one message without flowedge: python examples/decode_message.py FILE

FILE holds the payload, as `mosquitto_sub -t 'flowedge/v1/+/+/+/edges' -C 1 -N > FILE` saves it.
"""

import sys
from ipaddress import ip_address
from pathlib import Path

import msgpack
import numpy

message = msgpack.unpackb(Path(sys.argv[1]).read_bytes())
nodes = [
    str(ip_address(node)) if isinstance(node, bytes) else f"{ip_address(node[0])}/{node[1]}"
    for node in message["nodes"]
]
columns = {name: numpy.frombuffer(data[1], data[0]) for name, data in message["cols"].items() if len(data) == 2}
print(f"{message['node']} {message['iface']} window {message['seq']}: {message['n']} edges, {len(columns)} columns")
for source, destination in list(zip(columns["src"], columns["dst"], strict=True))[:10]:
    print(nodes[source], "->", nodes[destination])
