#include "decode_ip.hpp"

namespace flowedge::wire {
namespace {

constexpr std::size_t kShortestExtension = 8;

bool is_extension(const IpLayer& ip) {
  switch (ip.protocol) {
    case ip_protocol::kAuthentication:
      return true;
    case ip_protocol::kHopByHop:
    case ip_protocol::kRouting:
    case ip_protocol::kFragment:
    case ip_protocol::kDestination:
    case ip_protocol::kMobility:
    case ip_protocol::kHip:
    case ip_protocol::kShim6:
      return ip.version == 6;
    default:
      return false;
  }
}

/// RFC 8200, 4; the length octet of RFC 4302's header counts in 4 octets and less 2.
std::uint32_t extension_length(std::uint8_t protocol, std::uint8_t length_octet) {
  if (protocol == ip_protocol::kFragment) return kShortestExtension;
  if (protocol == ip_protocol::kAuthentication) return (length_octet + 2U) * 4;
  return (length_octet + 1U) * 8;
}

Skip follow_extensions(IpLayer& ip) {
  while (is_extension(ip)) {
    const Octets extension = ip.payload;
    if (!extension.has(kShortestExtension)) return Skip::truncated;
    const bool later_fragment = ip.protocol == ip_protocol::kFragment && (extension.be16(2) & 0xfff8) != 0;
    if (later_fragment) return Skip::fragment;
    const std::uint32_t length = extension_length(ip.protocol, extension[1]);
    if (!extension.has(length)) return Skip::truncated;
    ip.protocol = extension[0];
    ip.header += length;
    ip.payload = extension.after(length);
  }
  return Skip::none;
}

Skip parse_ipv6(Octets packet, IpLayer& ip) {
  constexpr std::uint32_t kFixedHeader = 40;
  if (!packet.has(kFixedHeader)) return Skip::truncated;
  if (packet[0] >> 4 != 6) return Skip::malformed;
  const std::uint32_t payload_length = packet.be16(4);
  ip.source = packet.data + 8;
  ip.destination = packet.data + 24;
  ip.payload = packet.after(kFixedHeader);
  ip.length = payload_length != 0 ? kFixedHeader + payload_length : static_cast<std::uint32_t>(packet.size);
  ip.header = kFixedHeader;
  ip.version = 6;
  ip.protocol = packet[6];
  return Skip::none;
}

}  // namespace

Skip parse_ip(const NetworkLayer& network, IpLayer& ip) {
  const Skip reason = network.ip_version == 4 ? parse_ipv4(network.octets, ip) : parse_ipv6(network.octets, ip);
  return reason == Skip::none ? follow_extensions(ip) : reason;
}

}  // namespace flowedge::wire
