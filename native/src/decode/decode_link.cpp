#include "decode_link.hpp"

namespace flowedge::wire {
namespace {

constexpr std::size_t kVlanTag = 4;
constexpr std::size_t kSnapHeader = 8;
constexpr std::uint16_t kAnyLlc = 0;  ///< stands for "an LLC header follows" where a frame has no length field

Skip found(std::uint8_t ip_version, Octets rest, NetworkLayer& network) {
  network.octets = rest;
  network.ip_version = ip_version;
  return Skip::none;
}

bool is_vlan(std::uint16_t type) {
  return type == ethertype::kVlan || type == ethertype::kServiceVlan || type == ethertype::kOldVlan1 ||
         type == ethertype::kOldVlan2;
}

/// Takes off every VLAN tag; the first gives the identifier.
Skip strip_vlan_tags(std::uint16_t& type, Octets& rest, NetworkLayer& network, bool& tagged) {
  while (is_vlan(type)) {
    if (!rest.has(kVlanTag)) return Skip::truncated;
    if (!tagged) network.vlan = rest.be16(0) & 0x0fff;
    tagged = true;
    type = rest.be16(2);
    rest = rest.after(kVlanTag);
  }
  return Skip::none;
}

/// Takes off an LLC/SNAP header that carries an EtherType (RFC 1042; 0000f8 is IEEE 802.1H's bridge tunnel).
Skip strip_snap(std::uint16_t& type, Octets& rest) {
  if (!rest.has(1)) return Skip::truncated;
  if (rest[0] != 0xaa) return Skip::non_ip;
  if (!rest.has(kSnapHeader)) return Skip::truncated;
  const std::uint32_t organization = rest.be32(2) & 0xffffff;
  if (rest[1] != 0xaa || rest[2] != 0x03 || (organization != 0 && organization != 0x0000f8)) return Skip::non_ip;
  type = rest.be16(6);
  rest = rest.after(kSnapHeader);
  return type < ethertype::kFirst ? Skip::non_ip : Skip::none;
}

/// The label stack (RFC 3032): IP follows the entry that has the bottom bit.
Skip find_in_mpls(Octets rest, NetworkLayer& network) {
  while (rest.has(4) && (rest[2] & 1) == 0) rest = rest.after(4);
  return find_by_version(rest.after(4), network);
}

/// RFC 2516: version, type, code, session, length, then PPP.
Skip find_in_pppoe(Octets rest, NetworkLayer& network) {
  return find_in_ppp(rest.after(6), network);
}

Skip find_in_cooked(Octets frame, std::size_t type_at, std::size_t header, NetworkLayer& network) {
  constexpr std::uint16_t kLlc = 4;  // LINUX_SLL_P_802_2
  if (!frame.has(header)) return Skip::truncated;
  const std::uint16_t type = frame.be16(type_at);
  if (type == kLlc) return find_by_ethertype(kAnyLlc, frame.after(header), network);
  if (type < ethertype::kFirst) return Skip::non_ip;
  return find_by_ethertype(type, frame.after(header), network);
}

Skip find_in_cisco_hdlc(Octets frame, NetworkLayer& network) {
  if (!frame.has(4)) return Skip::truncated;
  return find_by_ethertype(frame.be16(2), frame.after(4), network);
}

/// Synchronous lines carry PPP or Cisco's framing, told apart by the address octet.
Skip find_in_ppp_hdlc(Octets frame, NetworkLayer& network) {
  const bool cisco = frame.has(1) && (frame[0] == 0x0f || frame[0] == 0x8f);
  return cisco ? find_in_cisco_hdlc(frame, network) : find_in_ppp(frame, network);
}

Skip find_by_address_family(std::uint8_t linux_family, Octets rest, NetworkLayer& network) {
  constexpr std::uint8_t kInet = 2, kInet6 = 10;
  if (linux_family == kInet) return found(4, rest, network);
  if (linux_family == kInet6) return found(6, rest, network);
  return Skip::non_ip;
}

/// NFLOG: family, version, group, then attributes of length, type and value, each padded to 4 octets. Their two
/// numbers are in the byte order of the machine that captured; the types are small, so their zero octet tells it.
Skip find_in_nflog(Octets frame, NetworkLayer& network) {
  constexpr std::uint16_t kPayload = 9;
  if (!frame.has(4)) return Skip::truncated;
  for (Octets rest = frame.after(4); rest.has(4);) {
    const bool little_endian = rest[3] == 0;
    const std::uint16_t length = little_endian ? load_u16<ByteOrder::little>(rest.data) : rest.be16(0);
    const std::uint16_t type = little_endian ? load_u16<ByteOrder::little>(rest.data + 2) : rest.be16(2);
    if (length < 4) return Skip::malformed;
    if (type == kPayload) return find_by_address_family(frame[0], rest.first(length).after(4), network);
    rest = rest.after((std::size_t{length} + 3) / 4 * 4);
  }
  return Skip::truncated;
}

}  // namespace

Skip find_by_version(Octets rest, NetworkLayer& network) {
  if (!rest.has(1)) return Skip::truncated;
  const std::uint8_t version = rest[0] >> 4;
  return version == 4 || version == 6 ? found(version, rest, network) : Skip::non_ip;
}

Skip find_by_ethertype(std::uint16_t type, Octets rest, NetworkLayer& network) {
  for (bool tagged = false;;) {
    if (const Skip reason = strip_vlan_tags(type, rest, network, tagged); reason != Skip::none) return reason;
    if (type >= ethertype::kFirst) break;
    if (const Skip reason = strip_snap(type, rest); reason != Skip::none) return reason;
  }
  switch (type) {
    case ethertype::kIpv4:
      return found(4, rest, network);
    case ethertype::kIpv6:
      return found(6, rest, network);
    case ethertype::kMpls:
    case ethertype::kMplsMulticast:
      return find_in_mpls(rest, network);
    case ethertype::kPppoeSession:
      return find_in_pppoe(rest, network);
    default:
      return Skip::non_ip;
  }
}

Skip find_in_ethernet(Octets frame, NetworkLayer& network) {
  if (!frame.has(kEthernetHeader)) return Skip::truncated;
  return find_by_ethertype(frame.be16(12), frame.after(kEthernetHeader), network);
}

Skip find_in_ppp(Octets rest, NetworkLayer& network) {
  constexpr std::uint16_t kIpv4 = 0x0021, kIpv6 = 0x0057, kMpls = 0x0281, kMplsMulticast = 0x0283;
  if (rest.has(2) && rest.be16(0) == 0xff03) rest = rest.after(2);
  if (!rest.has(2)) return Skip::truncated;
  const bool compressed = (rest[0] & 1) != 0;  // RFC 1661, 6.5: only the last octet of the field is odd
  const std::uint16_t protocol = compressed ? rest[0] : rest.be16(0);
  rest = rest.after(compressed ? 1 : 2);
  if (protocol == kIpv4) return found(4, rest, network);
  if (protocol == kIpv6) return found(6, rest, network);
  if (protocol == kMpls || protocol == kMplsMulticast) return find_in_mpls(rest, network);
  return Skip::non_ip;
}

Skip find_in_80211(Octets frame, bool padded, NetworkLayer& network) {
  if (!frame.has(2)) return Skip::truncated;
  const std::uint8_t control = frame[0], flags = frame[1];
  const bool data = (control & 0x0f) == 0x08;  // version 0, type 2
  const bool no_payload = (control & 0x40) != 0, qos = (control & 0x80) != 0, encrypted = (flags & 0x40) != 0;
  if (!data || no_payload || encrypted) return Skip::non_ip;
  const bool four_addresses = (flags & 0x03) == 0x03, high_throughput = qos && (flags & 0x80) != 0;
  const std::size_t qos_at = four_addresses ? 30 : 24;
  std::size_t header = qos_at + (qos ? 2 : 0) + (high_throughput ? 4 : 0);
  if (padded) header = (header + 3) / 4 * 4;
  if (!frame.has(header)) return Skip::truncated;
  if ((frame[22] & 0x0f) != 0) return Skip::fragment;
  const bool aggregate = qos && (frame[qos_at] & 0x80) != 0;  // an A-MSDU is several packets, not one
  return aggregate ? Skip::non_ip : find_by_ethertype(kAnyLlc, frame.after(header), network);
}

Skip find_in_radiotap(Octets frame, NetworkLayer& network) {
  constexpr std::uint32_t kTimer = 1, kFlags = 2, kMorePresent = 0x80000000U;
  constexpr std::uint8_t kDataPad = 0x20;
  if (!frame.has(8)) return Skip::truncated;
  const std::size_t length = load_u16<ByteOrder::little>(frame.data + 2);
  if (frame[0] != 0 || length < 8) return Skip::malformed;
  const Octets header = frame.first(length);
  const std::uint32_t present = load_u32<ByteOrder::little>(header.data + 4);
  std::size_t at = 8;
  for (std::uint32_t word = present; (word & kMorePresent) != 0 && header.has(at + 4); at += 4) {
    word = load_u32<ByteOrder::little>(header.data + at);
  }
  if ((present & kTimer) != 0) at = (at + 7) / 8 * 8 + 8;
  const bool padded = (present & kFlags) != 0 && header.has(at + 1) && (header[at] & kDataPad) != 0;
  return find_in_80211(frame.after(length), padded, network);
}

Skip find_by_link_type(std::uint16_t link_type, Octets frame, NetworkLayer& network) {
  switch (link_type) {
    case link_type::kEthernet:
      return find_in_ethernet(frame, network);
    case link_type::kNull:
    case link_type::kLoop:
      return find_by_version(frame.after(4), network);
    case link_type::kRaw:
    case link_type::kOldRaw12:
    case link_type::kOldRaw14:
    case link_type::kIpv4:
    case link_type::kIpv6:
      return find_by_version(frame, network);
    case link_type::kLinuxCooked:
      return find_in_cooked(frame, 14, 16, network);
    case link_type::kLinuxCooked2:
      return find_in_cooked(frame, 0, 20, network);
    case link_type::kPpp:
      return find_in_ppp(frame, network);
    case link_type::kPppHdlc:
      return find_in_ppp_hdlc(frame, network);
    case link_type::kPppEther:
      return find_in_pppoe(frame, network);
    case link_type::kCiscoHdlc:
      return find_in_cisco_hdlc(frame, network);
    case link_type::kNflog:
      return find_in_nflog(frame, network);
    case link_type::kIeee80211:
      return find_in_80211(frame, false, network);
    case link_type::kRadiotap:
      return find_in_radiotap(frame, network);
    default:
      return Skip::link;
  }
}

}  // namespace flowedge::wire
