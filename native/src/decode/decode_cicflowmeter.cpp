#include "decode_ip.hpp"
#include "decode_transport.hpp"
#include "endpoint.hpp"
#include "flowedge/decode.hpp"

// The packets that CICFlowMeter v4 and the Engelen fork see through jnetpcap 1.4, defects included (FEATURES.md).
// Here alone a header's length is what was captured of it, an IPv4 version nibble is not looked at, and the
// headers quoted in ICMP errors or carried in IP in IP decide ports and lengths under the outer addresses.

namespace flowedge {
namespace {

namespace ip_protocol = wire::ip_protocol;
namespace ethertype = wire::ethertype;

enum class Tool : std::uint8_t { cicflowmeter, engelen };

constexpr std::size_t kIpv4Header = 20;
constexpr std::size_t kSctpHeader = 12;
constexpr std::size_t kIcmpHeader = 8;

/// What the tools' reader keeps; as it stands for every packet that is not one of their protocols.
struct Reading {
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint32_t payload = 0;
  std::int32_t window = 0;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgement = 0;
  std::uint8_t protocol = 0;
  std::uint8_t header = 0;
  std::uint8_t flags = 0;
  std::int16_t icmp_code = kNoIcmp;
  std::int16_t icmp_type = kNoIcmp;
};

void read_tcp(Octets segment, Reading& reading) {
  const std::size_t length = (segment[12] >> 4) * std::size_t{4};
  const Octets header = segment.first(length);
  reading.protocol = kTcp;
  reading.source_port = segment.be16(0);
  reading.destination_port = segment.be16(2);
  reading.sequence = segment.be32(4);
  reading.acknowledgement = segment.be32(8);
  reading.flags = segment[13];
  reading.window = segment.be16(14);
  reading.header = static_cast<std::uint8_t>(header.size);
  reading.payload = static_cast<std::uint32_t>(segment.size - header.size);
}

/// UDP, and SCTP in the fork: ports first, then a header of fixed length.
void read_datagram(std::uint8_t protocol, std::size_t header, Octets datagram, Reading& reading) {
  reading.protocol = protocol;
  reading.source_port = datagram.be16(0);
  reading.destination_port = datagram.be16(2);
  reading.header = static_cast<std::uint8_t>(header);
  reading.payload = static_cast<std::uint32_t>(datagram.size - header);
}

bool quotes_a_datagram(std::uint8_t icmp_type) {
  return icmp_type == 3 || icmp_type == 4 || icmp_type == 5 || icmp_type == 11 || icmp_type == 12;
}

/// The IPv4 header that the tool goes on to read, or nothing.
Octets next_header(std::uint8_t protocol, Octets body, Tool tool) {
  if (protocol == ip_protocol::kIpv4) return body;
  const bool quoting =
      protocol == kIcmp && tool == Tool::cicflowmeter && body.has(kIcmpHeader) && quotes_a_datagram(body[0]);
  return quoting ? body.after(kIcmpHeader) : Octets{body.data, 0};
}

void read_fork_protocols(std::uint8_t protocol, Octets body, bool outermost, Reading& reading) {
  if (protocol == kIcmp && body.has(kIcmpHeader)) {
    reading.protocol = protocol;
    if (!outermost) return;
    reading.icmp_type = body[0];
    reading.icmp_code = body[1];
  } else if (protocol == ip_protocol::kIgmp) {
    reading.protocol = protocol;
  } else if (protocol == ip_protocol::kSctp && body.has(kSctpHeader)) {
    read_datagram(protocol, kSctpHeader, body, reading);
  }
}

void read_transport(std::uint8_t protocol, Octets body, Tool tool, bool outermost, Reading& reading) {
  if (protocol == kTcp) {
    if (body.has(wire::kTcpHeader) && body[12] >> 4 >= 5) read_tcp(body, reading);
  } else if (protocol == kUdp) {
    if (body.has(wire::kUdpHeader)) read_datagram(protocol, wire::kUdpHeader, body, reading);
  } else if (tool == Tool::engelen) {
    read_fork_protocols(protocol, body, outermost, reading);
  }
}

/// Reads on from the outermost header to the one that decides. jnetpcap takes Ethernet's padding off, but not
/// behind a VLAN tag; it finds no transport header in a later fragment, nor where the length is 0 (segmentation
/// offload). Every turn takes octets off; a header that claims no length of its own could repeat for ever.
void read_headers(Octets packet, bool keeps_padding, Tool tool, Reading& reading) {
  for (bool outermost = true;; outermost = false) {
    const std::size_t total = packet.be16(2);
    const bool later_fragment = (packet.be16(6) & 0x1fff) != 0;
    if (total == 0 || later_fragment) return;
    const std::uint8_t protocol = packet[9];
    const Octets trimmed = keeps_padding && outermost ? packet : packet.first(total);
    const Octets body = trimmed.after((packet[0] & 0x0fU) * std::size_t{4});
    const Octets next = next_header(protocol, body, tool);
    if (!next.has(kIpv4Header)) return read_transport(protocol, body, tool, outermost, reading);
    if (next.data == packet.data) return;
    packet = next;
  }
}

void fill(Octets ip, std::uint16_t vlan, const Reading& reading, Packet& packet) {
  set_endpoints(packet, Endpoint::v4(ip.data + 12, reading.source_port),
                Endpoint::v4(ip.data + 16, reading.destination_port), 4, reading.protocol);
  const std::uint32_t total = ip.be16(2);
  packet.ip_length = total != 0 ? total : static_cast<std::uint32_t>(ip.size);
  packet.payload = reading.payload;
  packet.window = reading.window;
  packet.sequence = reading.sequence;
  packet.acknowledgement = reading.acknowledgement;
  packet.vlan = vlan;
  packet.header = reading.header;
  packet.flags = reading.flags;
  packet.icmp_code = reading.icmp_code;
  packet.icmp_type = reading.icmp_type;
}

Skip decode(const Frame& frame, Tool tool, Packet& packet) {
  Octets rest{frame.data, frame.captured};
  if (!rest.has(wire::kEthernetHeader)) return Skip::truncated;
  std::uint16_t type = rest.be16(12), vlan = 0;
  bool tagged = false;
  for (rest = rest.after(wire::kEthernetHeader); type == ethertype::kVlan; rest = rest.after(4)) {
    if (!rest.has(4)) return Skip::truncated;
    if (!tagged) vlan = rest.be16(0) & 0x0fff;
    tagged = true;
    type = rest.be16(2);
  }
  if (type != ethertype::kIpv4) return Skip::non_ip;
  if (!rest.has(kIpv4Header)) return Skip::truncated;
  Reading reading;
  read_headers(rest, tagged, tool, reading);
  fill(rest, vlan, reading, packet);
  return Skip::none;
}

}  // namespace

Skip decode_cicflowmeter(const Frame& frame, Packet& packet) {
  return decode(frame, Tool::cicflowmeter, packet);
}

Skip decode_engelen(const Frame& frame, Packet& packet) {
  return decode(frame, Tool::engelen, packet);
}

}  // namespace flowedge
