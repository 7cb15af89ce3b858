"""What went wrong with a broker, in words: the cause, and what to do."""

import errno
import socket
import ssl

from flowedge.errors import FlowedgeError

_UNTRUSTED = "its certificate is from an authority that is not trusted; give that authority's certificate as mqtt.ca"
_OTHER_NAME = "its certificate is for another name; give that name in mqtt.url"
_CERTIFICATES = {  # X509_V_ERR_ of OpenSSL
    9: "its certificate is not valid yet; set the clock, here or there",
    10: "its certificate has expired; renew it on the broker, or set this host's clock",
    18: _UNTRUSTED,
    19: _UNTRUSTED,
    20: _UNTRUSTED,
    21: _UNTRUSTED,
    62: _OTHER_NAME,
    64: _OTHER_NAME,
}
_LOGIN = "it refuses this user and password, or wants some; check mqtt.user and the password"
_CONNACKS = {
    0x84: 'it does not know this version of MQTT; set mqtt.version to the other of "5" and "3.1.1"',
    0x85: "it refuses the client identifier; shorten mqtt.site or mqtt.node",
    0x86: _LOGIN,
    0x87: f"not authorised: {_LOGIN}",
    0x88: "it is not available at present",
    0x89: "it is busy",
    0x8A: "it has banned this agent",
    0x8C: "it wants another way to log in than user and password",
    0x95: "it takes no message as large as CONNECT with its last will",
    0x97: "its quota is used up",
    0x9A: "it takes no retained messages, so no last will",
    0x9B: "it takes no messages of QoS 1",
    0x9F: "connections come too fast for it",
}
_DISCONNECTS = {
    0x8B: "it shuts down",
    0x8D: "it has heard nothing for too long",
    0x8E: "another client has the same name; give each agent a mqtt.node of its own",
    0x95: "a message was too large for it",
    0x97: "its quota is used up",
    0x98: "an administrator has ended the connection",
}
_PLAIN = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL", "HTTP_REQUEST")
_WANTS_CERTIFICATE = "it refuses this agent's certificate, or wants one; give mqtt.certificate and mqtt.key"


class ConnectionLostError(FlowedgeError):
    """No connection, or no longer. `by_broker`: it was the broker that ended it."""

    def __init__(self, text: str, *, by_broker: bool = False, code: int = 0) -> None:
        super().__init__(text)
        self.by_broker = by_broker
        self.code = code
        """MQTT's reason code, if the broker gave one"""


def cause_of(error: OSError, seconds: float) -> str:
    """Why a connection cannot be made; `seconds` is how long it was waited for."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _CERTIFICATES.get(error.verify_code, f"its certificate is not good: {error.verify_message}")
    if isinstance(error, (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError)):
        return "it closes the connection at once; check scheme and port in mqtt.url"
    if isinstance(error, ssl.SSLError):
        return cause_in_tls(str(error.reason or error))
    if isinstance(error, socket.gaierror):
        return f"its name cannot be resolved ({error.strerror}); check mqtt.url and this host's name servers"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there; check mqtt.url, and whether the broker runs"
    if isinstance(error, TimeoutError):
        return f"no answer within {seconds:g} s; check mqtt.url and firewalls"
    if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        return f"unreachable ({error.strerror}); check this host's network"
    return error.strerror or f"{error}; check mqtt.url"


def cause_in_tls(reason: str) -> str:
    """From OpenSSL's words."""
    if any(name in reason for name in _PLAIN):
        return "it does not speak TLS there; check the port, or give mqtt:// or ws:// in mqtt.url"
    if "ALERT" in reason.upper():
        return f"{_WANTS_CERTIFICATE} ({reason})"
    return f"TLS fails: {reason}"


def refusal(code: int) -> str:
    """Why CONNECT was answered with a reason code."""
    return f"{_CONNACKS.get(code, 'it refuses the connection')} (0x{code:02x})"


def ending(code: int) -> str:
    """Why the broker has sent DISCONNECT."""
    return f"{_DISCONNECTS.get(code, 'it has ended the connection')} (0x{code:02x})"
