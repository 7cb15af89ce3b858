"""Steps over link headers to IP: Ethernet with 802.1Q, LLC/SNAP, MPLS and PPPoE, Linux cooked v1 and v2, BSD
loopback, raw IP, PPP, Cisco HDLC, NFLOG and 802.11."""

import struct

ETHERNET, COOKED, COOKED_V2, NULL, LOOP = 1, 113, 276, 0, 108
RAW_IP = (101, 12, 14, 228, 229)
PPP, PPP_HDLC, PPP_ETHER, CISCO_HDLC, NFLOG, IEEE_802_11, RADIOTAP = 9, 50, 51, 104, 239, 105, 127

IPV4, IPV6, PPPOE = 0x0800, 0x86DD, 0x8864
TAGS = (0x8100, 0x88A8, 0x9100, 0x9200)
MPLS = (0x8847, 0x8848)
#: An EtherType is at least this; below, Ethernet has a length there, and an LLC header follows.
FIRST_ETHERTYPE = 0x0600
LLC = 0
COOKED_LLC = 4
PPP_PROTOCOLS = {0x0021: IPV4, 0x0057: IPV6, 0x0281: MPLS[0], 0x0283: MPLS[1]}
SNAP = (b"\xaa\xaa\x03\x00\x00\x00", b"\xaa\xaa\x03\x00\x00\xf8")
NFLOG_PAYLOAD = 9
FAMILIES = {2: IPV4, 10: IPV6}

Layer = tuple[int, bytes]
NO_IP: Layer = (-1, b"")


def network_layer(octets: bytes, link_type: int) -> Layer:
    """EtherType and octets of what a frame carries below all link headers; the type is -1 where that is not known."""
    try:
        return _below_shims(*_link(octets, link_type))
    except (IndexError, struct.error):  # cut within a header
        return NO_IP


def _link(octets: bytes, link_type: int) -> Layer:
    if link_type == ETHERNET:
        return _u16(octets, 12), octets[14:]
    if link_type in (COOKED, COOKED_V2):
        at, length = (14, 16) if link_type == COOKED else (0, 20)
        return _cooked(_u16(octets[:length], at), octets[length:]) if len(octets) >= length else NO_IP
    if link_type in (NULL, LOOP):
        return _by_version(octets[4:])
    if link_type in RAW_IP:
        return _by_version(octets)
    if link_type in (PPP, PPP_HDLC):
        return _ppp_or_hdlc(octets, link_type)
    if link_type == PPP_ETHER:
        return PPPOE, octets
    if link_type == CISCO_HDLC:
        return _u16(octets, 2), octets[4:]
    if link_type == NFLOG:
        return _nflog(octets)
    return _wireless(octets, link_type)


def _below_shims(ethertype: int, octets: bytes) -> Layer:
    """Steps over VLAN tags, LLC/SNAP, MPLS labels and PPPoE, however often they come."""
    while True:
        if ethertype in TAGS:
            ethertype, octets = _u16(octets, 2), octets[4:]
        elif 0 <= ethertype < FIRST_ETHERTYPE and octets[:6] in SNAP and _u16(octets, 6) >= FIRST_ETHERTYPE:
            ethertype, octets = _u16(octets, 6), octets[8:]
        elif ethertype in MPLS:
            ethertype, octets = _below_labels(octets)
        elif ethertype == PPPOE:
            ethertype, octets = _ppp(octets[6:])
        else:
            return ethertype, octets


def _by_version(octets: bytes) -> Layer:
    return {4: IPV4, 6: IPV6}.get(octets[0] >> 4, -1), octets


def _below_labels(octets: bytes) -> Layer:
    while not octets[2] & 1:
        octets = octets[4:]
    return _by_version(octets[4:])


def _cooked(ethertype: int, octets: bytes) -> Layer:
    if ethertype == COOKED_LLC:
        return LLC, octets
    return (ethertype, octets) if ethertype >= FIRST_ETHERTYPE else NO_IP


def _ppp_or_hdlc(octets: bytes, link_type: int) -> Layer:
    """A synchronous line's first octet tells Cisco's framing from PPP."""
    if link_type == PPP_HDLC and octets[0] in (0x0F, 0x8F):
        return _u16(octets, 2), octets[4:]
    return _ppp(octets)


def _ppp(octets: bytes) -> Layer:
    """With or without address and control octets; the protocol may be one octet, which is then odd."""
    octets = octets.removeprefix(b"\xff\x03")
    if octets[0] & 1:
        return PPP_PROTOCOLS.get(octets[0], -1), octets[1:]
    return PPP_PROTOCOLS.get(_u16(octets, 0), -1), octets[2:]


def _nflog(octets: bytes) -> Layer:
    """Attributes of length and type in the byte order of the machine that captured; a type has a zero octet."""
    at = 4
    while at + 4 <= len(octets):
        length, kind = struct.unpack_from("<HH" if octets[at + 3] == 0 else ">HH", octets, at)
        if length < 4:
            break
        if kind == NFLOG_PAYLOAD:
            return FAMILIES.get(octets[0], -1), octets[at + 4 : at + length]
        at += (length + 3) // 4 * 4
    return NO_IP


def _wireless(octets: bytes, link_type: int) -> Layer:
    """Unencrypted 802.11 data frames, whole and not aggregated; radiotap without padding behind the header."""
    if link_type == RADIOTAP:
        octets = octets[struct.unpack_from("<H", octets, 2)[0] :]
    elif link_type != IEEE_802_11:
        return NO_IP
    control, flags = octets[0], octets[1]
    if control & 0x4F != 0x08 or flags & 0x40 or octets[22] & 0x0F:
        return NO_IP
    header = 30 if flags & 3 == 3 else 24
    if control & 0x80:
        header += 6 if flags & 0x80 else 2
    return LLC, octets[header:]


def _u16(octets: bytes, at: int) -> int:
    return octets[at] << 8 | octets[at + 1]
