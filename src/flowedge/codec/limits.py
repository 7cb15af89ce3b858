"""What a message may be. The reader refuses more, so that no payload costs memory that nobody expected."""

VERSION = 1
SCHEMA = "edges/1"
HEAD_KEYS = ("v", "schema", "site", "node", "iface", "boot", "seq", "part", "parts", "w0", "w1", "kind", "drop")
BODY_KEYS = ("nodes", "n", "cols")

MAX_PAYLOAD = 128 << 10
"""octets of a part unless configured otherwise: what AWS IoT takes"""
MAX_MESSAGE_OCTETS = 4 << 20
"""octets of any message, inflated"""
MAX_PARTS = 65_535
MAX_COLUMNS = 256
MAX_COUNTS = 64
"""entries of a map of counters"""
MAX_TEXT = 255
"""characters of a name; a capture file's name has no more"""
MAX_INTEGER = (1 << 63) - 1
