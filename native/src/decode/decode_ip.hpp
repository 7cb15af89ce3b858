#pragma once
#include <cstdint>

#include "decode_link.hpp"

namespace flowedge::wire {

/// IP protocol numbers (IANA) beside those that every flow knows (packet.hpp).
namespace ip_protocol {
inline constexpr std::uint8_t kHopByHop = 0, kIgmp = 2, kIpv4 = 4, kIpv6 = 41, kRouting = 43, kFragment = 44, kGre = 47,
                              kAuthentication = 51, kDestination = 60, kSctp = 132, kMobility = 135, kHip = 139,
                              kShim6 = 140;
}

/// What an IP header and its extensions say.
struct IpLayer {
  const std::uint8_t* source;       ///< 4 or 16 octets in the frame
  const std::uint8_t* destination;  ///< as long as `source`
  Octets payload;                   ///< captured octets after the last IP header
  std::uint32_t length;             ///< headers and payload: by the header, or if that says 0, as captured
  std::uint32_t header;             ///< the part of `length` that is headers; an extension may claim more than `length`
  std::uint8_t version;             ///< 4 or 6
  std::uint8_t protocol;            ///< of `payload`

  std::uint32_t payload_length(std::uint32_t transport_header) const {
    const std::uint32_t headers = header + transport_header;
    return length > headers ? length - headers : 0;
  }
};

/// An IPv4 header alone: extensions are parse_ip()'s.
inline Skip parse_ipv4(Octets packet, IpLayer& ip) {
  constexpr std::uint32_t kShortestHeader = 20;
  if (!packet.has(kShortestHeader)) return Skip::truncated;
  const std::uint32_t header = (packet[0] & 0x0fU) * 4;
  const std::uint32_t total = packet.be16(2);
  if (packet[0] >> 4 != 4 || header < kShortestHeader || (total != 0 && total < header)) return Skip::malformed;
  if ((packet.be16(6) & 0x1fff) != 0) return Skip::fragment;
  if (!packet.has(header)) return Skip::truncated;
  ip.source = packet.data + 12;
  ip.destination = packet.data + 16;
  ip.payload = packet.after(header);
  ip.length = total != 0 ? total : static_cast<std::uint32_t>(packet.size);
  ip.header = header;
  ip.version = 4;
  ip.protocol = packet[9];
  return Skip::none;
}

/// The IP header at `network` and what may stand between it and the transport header: the extensions of IPv6
/// (RFC 8200, 4), and with IPv4 the authentication header.
Skip parse_ip(const NetworkLayer& network, IpLayer& ip);

}  // namespace flowedge::wire
