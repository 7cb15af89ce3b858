#pragma once
#include <cstdint>

#include "decode_ip.hpp"
#include "endpoint.hpp"
#include "flowedge/decode.hpp"

namespace flowedge::wire {

inline constexpr std::uint32_t kTcpHeader = 20;  ///< without options
inline constexpr std::uint32_t kUdpHeader = 8;
inline constexpr std::int32_t kNoWindow = -1;

/// What a transport header says; the values given here are those of a protocol without one we know.
struct TransportHeader {
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgement = 0;
  std::int32_t window = kNoWindow;
  std::uint8_t length = 0;
  std::uint8_t flags = 0;
};

/// The captured octets must hold the fixed part of the header, whatever the IP length says.
inline Skip parse_tcp(Octets segment, TransportHeader& tcp) {
  if (!segment.has(kTcpHeader)) return Skip::truncated;
  tcp.source_port = segment.be16(0);
  tcp.destination_port = segment.be16(2);
  tcp.sequence = segment.be32(4);
  tcp.acknowledgement = segment.be32(8);
  tcp.length = static_cast<std::uint8_t>((segment[12] >> 4) * 4);
  tcp.flags = segment[13];
  tcp.window = segment.be16(14);
  return tcp.length < kTcpHeader ? Skip::malformed : Skip::none;
}

inline Skip parse_udp(Octets datagram, TransportHeader& udp) {
  if (!datagram.has(kUdpHeader)) return Skip::truncated;
  udp.source_port = datagram.be16(0);
  udp.destination_port = datagram.be16(2);
  udp.length = kUdpHeader;
  return Skip::none;
}

inline Skip parse_transport(const IpLayer& ip, bool all_protocols, TransportHeader& transport) {
  if (ip.protocol == kTcp) return parse_tcp(ip.payload, transport);
  if (ip.protocol == kUdp) return parse_udp(ip.payload, transport);
  return all_protocols ? Skip::none : Skip::protocol;
}

inline void set_endpoints(const IpLayer& ip, const TransportHeader& transport, Packet& packet) {
  if (ip.version == 4) {
    set_endpoints(packet, Endpoint::v4(ip.source, transport.source_port),
                  Endpoint::v4(ip.destination, transport.destination_port), 4, ip.protocol);
  } else {
    set_endpoints(packet, Endpoint::v6(ip.source, transport.source_port),
                  Endpoint::v6(ip.destination, transport.destination_port), 6, ip.protocol);
  }
}

/// Fills `packet` but for time, hash and vlan. Inlined at every call, so that `ip` stays in registers: through memory
/// the common packet takes a third longer.
[[gnu::always_inline]] inline Skip decode_transport(const IpLayer& ip, const DecodeOptions& options, Packet& packet) {
  TransportHeader transport;
  if (const Skip reason = parse_transport(ip, options.all_protocols, transport); reason != Skip::none) return reason;
  set_endpoints(ip, transport, packet);
  packet.ip_length = ip.length;
  packet.payload = ip.payload_length(transport.length);
  packet.window = transport.window;
  packet.sequence = transport.sequence;
  packet.acknowledgement = transport.acknowledgement;
  packet.header = transport.length;
  packet.flags = transport.flags;
  packet.icmp_code = packet.icmp_type = kNoIcmp;
  return Skip::none;
}

}  // namespace flowedge::wire
