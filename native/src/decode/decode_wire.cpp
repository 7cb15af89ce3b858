#include "decode_link.hpp"
#include "decode_transport.hpp"
#include "decode_tunnel.hpp"
#include "flowedge/decode.hpp"

namespace flowedge {
namespace {

using wire::IpLayer;
using wire::NetworkLayer;

constexpr int kMaxTunnels = 8;

/// Decodes the innermost layer that gives a packet; `reason` is what the outer layer gave.
Skip decode_innermost(IpLayer ip, const DecodeOptions& options, Skip reason, Packet& packet) {
  NetworkLayer inner;
  for (int depth = 0; depth < kMaxTunnels && wire::enter_tunnel(ip, inner); ++depth) {
    if (wire::parse_ip(inner, ip) != Skip::none) break;
    if (wire::decode_transport(ip, options, packet) == Skip::none) reason = Skip::none;
  }
  return reason;
}

Skip decode_layers(const Frame& frame, const DecodeOptions& options, Packet& packet) {
  NetworkLayer network{};
  const Octets octets{frame.data, frame.captured};
  if (const Skip reason = wire::find_by_link_type(frame.link_type, octets, network); reason != Skip::none)
    return reason;
  IpLayer ip;
  if (const Skip reason = wire::parse_ip(network, ip); reason != Skip::none) return reason;
  packet.vlan = network.vlan;
  const Skip reason = wire::decode_transport(ip, options, packet);
  return options.decapsulate ? decode_innermost(ip, options, reason, packet) : reason;
}

bool is_ethernet_ipv4(const Frame& frame) {
  return frame.link_type == wire::link_type::kEthernet && frame.captured >= wire::kEthernetHeader &&
         load_u16<ByteOrder::big>(frame.data + 12) == wire::ethertype::kIpv4;
}

/// No header further in can decide.
bool is_last_header(const IpLayer& ip, const DecodeOptions& options) {
  return ip.protocol == kTcp || (ip.protocol == kUdp && !options.decapsulate);
}

}  // namespace

/// Nearly every packet is TCP or UDP in IPv4 in Ethernet: those take the same steps as decode_layers(), inlined.
Skip decode_wire(const Frame& frame, const DecodeOptions& options, Packet& packet) {
  if (!is_ethernet_ipv4(frame)) return decode_layers(frame, options, packet);
  IpLayer ip;
  const Octets octets = Octets{frame.data, frame.captured}.after(wire::kEthernetHeader);
  if (const Skip reason = wire::parse_ipv4(octets, ip); reason != Skip::none) return reason;
  if (!is_last_header(ip, options)) return decode_layers(frame, options, packet);
  packet.vlan = 0;
  return wire::decode_transport(ip, options, packet);
}

}  // namespace flowedge
