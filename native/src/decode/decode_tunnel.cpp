#include "decode_tunnel.hpp"

#include "decode_transport.hpp"

namespace flowedge::wire {
namespace {

bool is_none(Skip reason) {
  return reason == Skip::none;
}

/// The EtherTypes that tunnels use beside those of a link.
bool enter_ethertype(std::uint16_t type, Octets rest, NetworkLayer& inner) {
  if (type < ethertype::kFirst) return false;
  if (type == ethertype::kEthernet) return is_none(find_in_ethernet(rest, inner));
  return is_none(find_by_ethertype(type, rest, inner));
}

/// ERSPAN type I has no header of its own, and no GRE sequence number either (draft-foschiano-erspan).
bool enter_erspan2(bool sequenced, Octets rest, NetworkLayer& inner) {
  return is_none(find_in_ethernet(rest.after(sequenced ? 8 : 0), inner));
}

bool enter_erspan3(Octets rest, NetworkLayer& inner) {
  if (!rest.has(12)) return false;
  const bool platform_header = (rest[11] & 1) != 0;
  return is_none(find_in_ethernet(rest.after(platform_header ? 20 : 12), inner));
}

/// RFC 2784 and RFC 2890; the source routes of RFC 1701 are not followed.
bool enter_gre0(std::uint16_t flags, std::uint16_t protocol, Octets gre, NetworkLayer& inner) {
  const bool checksum = (flags & 0x8000) != 0, routing = (flags & 0x4000) != 0;
  const bool key = (flags & 0x2000) != 0, sequence = (flags & 0x1000) != 0;
  if (routing) return false;
  const Octets rest = gre.after(4U + (checksum ? 4 : 0) + (key ? 4 : 0) + (sequence ? 4 : 0));
  if (protocol == ethertype::kErspan2) return enter_erspan2(sequence, rest, inner);
  if (protocol == ethertype::kErspan3) return enter_erspan3(rest, inner);
  return enter_ethertype(protocol, rest, inner);
}

/// PPTP (RFC 2637, 4.1): a bare acknowledgement carries nothing.
bool enter_gre1(std::uint16_t flags, std::uint16_t protocol, Octets gre, NetworkLayer& inner) {
  const bool sequence = (flags & 0x1000) != 0, acknowledgement = (flags & 0x0080) != 0;
  if (protocol != ethertype::kPpp || !sequence) return false;
  return is_none(find_in_ppp(gre.after(acknowledgement ? 16 : 12), inner));
}

bool enter_gre(Octets gre, NetworkLayer& inner) {
  if (!gre.has(4)) return false;
  const std::uint16_t flags = gre.be16(0), protocol = gre.be16(2);
  switch (flags & 7) {
    case 0:
      return enter_gre0(flags, protocol, gre, inner);
    case 1:
      return enter_gre1(flags, protocol, gre, inner);
    default:
      return false;
  }
}

/// RFC 7348.
bool enter_vxlan(Octets vxlan, NetworkLayer& inner) {
  if (!vxlan.has(8) || (vxlan[0] & 0x08) == 0) return false;
  return is_none(find_in_ethernet(vxlan.after(8), inner));
}

/// draft-ietf-nvo3-vxlan-gpe: the fourth octet names what follows.
bool enter_vxlan_gpe(Octets vxlan, NetworkLayer& inner) {
  constexpr std::uint8_t kNextProtocolGiven = 0x04;
  if (!vxlan.has(8) || (vxlan[0] & kNextProtocolGiven) == 0) return enter_vxlan(vxlan, inner);
  const Octets rest = vxlan.after(8);
  switch (vxlan[3]) {
    case 1:
      return enter_ethertype(ethertype::kIpv4, rest, inner);
    case 2:
      return enter_ethertype(ethertype::kIpv6, rest, inner);
    case 3:
      return enter_ethertype(ethertype::kEthernet, rest, inner);
    case 5:
      return enter_ethertype(ethertype::kMpls, rest, inner);
    default:
      return false;
  }
}

/// RFC 8926.
bool enter_geneve(Octets geneve, NetworkLayer& inner) {
  if (!geneve.has(8) || geneve[0] >> 6 != 0) return false;
  const std::size_t options = (geneve[0] & 0x3fU) * 4;
  return enter_ethertype(geneve.be16(2), geneve.after(8 + options), inner);
}

/// Extension headers of 3GPP TS 29.281, 5.2: length in 4 octets first, type of the next one last.
Octets after_gtp_extensions(std::uint8_t next, Octets rest) {
  while (next != 0) {
    const std::size_t length = rest.has(1) ? std::size_t{rest[0]} * 4 : 0;
    if (length == 0 || !rest.has(length)) return rest.after(rest.size);
    next = rest[length - 1];
    rest = rest.after(length);
  }
  return rest;
}

/// 3GPP TS 29.281, 5.1.
bool enter_gtp_u(Octets gtp, NetworkLayer& inner) {
  constexpr std::uint8_t kUserData = 255, kExtension = 0x04, kAnyOptional = 0x07;
  const bool version1 = gtp.has(8) && (gtp[0] & 0xf0) == 0x30;
  if (!version1 || gtp[1] != kUserData) return false;
  if ((gtp[0] & kAnyOptional) == 0) return is_none(find_by_version(gtp.after(8), inner));
  if (!gtp.has(12)) return false;
  const std::uint8_t next = (gtp[0] & kExtension) != 0 ? gtp[11] : 0;
  return is_none(find_by_version(after_gtp_extensions(next, gtp.after(12)), inner));
}

/// RFC 4380, 5.1.1: authentication, then origin indication, both optional.
bool enter_teredo(Octets rest, NetworkLayer& inner) {
  constexpr std::uint16_t kOrigin = 0x0000, kAuthentication = 0x0001;
  if (rest.has(4) && rest.be16(0) == kAuthentication) rest = rest.after(std::size_t{13} + rest[2] + rest[3]);
  if (rest.has(2) && rest.be16(0) == kOrigin) rest = rest.after(8);
  return is_none(find_by_version(rest, inner)) && inner.ip_version == 6;
}

/// RFC 2661, 3.1: a data message.
bool enter_l2tp(Octets l2tp, NetworkLayer& inner) {
  constexpr std::uint16_t kControl = 0x8000, kLength = 0x4000, kSequence = 0x0800, kOffset = 0x0200, kVersion = 0x000f;
  if (!l2tp.has(6)) return false;
  const std::uint16_t flags = l2tp.be16(0);
  if ((flags & kControl) != 0 || (flags & kVersion) != 2) return false;
  Octets rest = l2tp.after(6U + ((flags & kLength) != 0 ? 2 : 0) + ((flags & kSequence) != 0 ? 4 : 0));
  if ((flags & kOffset) != 0) {
    if (!rest.has(2)) return false;
    rest = rest.after(std::size_t{2} + rest.be16(0));
  }
  return is_none(find_in_ppp(rest, inner));
}

bool enter_by_port(std::uint16_t port, Octets datagram, NetworkLayer& inner) {
  switch (port) {
    case 4789:
    case 8472:  // Linux's VXLAN before the port was assigned
      return enter_vxlan(datagram, inner);
    case 4790:
      return enter_vxlan_gpe(datagram, inner);
    case 6081:
      return enter_geneve(datagram, inner);
    case 2152:
      return enter_gtp_u(datagram, inner);
    case 3544:
      return enter_teredo(datagram, inner);
    case 1701:
      return enter_l2tp(datagram, inner);
    default:
      return false;
  }
}

/// Either port may be the assigned one: servers of Teredo and L2TP answer from it.
bool enter_udp(Octets datagram, NetworkLayer& inner) {
  if (!datagram.has(kUdpHeader)) return false;
  const Octets payload = datagram.after(kUdpHeader);
  return enter_by_port(datagram.be16(2), payload, inner) || enter_by_port(datagram.be16(0), payload, inner);
}

}  // namespace

bool enter_tunnel(const IpLayer& outer, NetworkLayer& inner) {
  switch (outer.protocol) {
    case ip_protocol::kIpv4:
      return enter_ethertype(ethertype::kIpv4, outer.payload, inner);
    case ip_protocol::kIpv6:
      return enter_ethertype(ethertype::kIpv6, outer.payload, inner);
    case ip_protocol::kGre:
      return enter_gre(outer.payload, inner);
    case kUdp:
      return enter_udp(outer.payload, inner);
    default:
      return false;
  }
}

}  // namespace flowedge::wire
