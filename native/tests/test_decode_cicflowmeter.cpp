#include <algorithm>

#include "check.hpp"
#include "flowedge/decode.hpp"
#include "frames.hpp"
#include "page_edge.hpp"

using namespace flowedge;
using namespace frames;
using Bytes = frames::Octets;

namespace {

using Decoder = Skip (*)(const Frame&, Packet&);

/// What the tools tell apart; the addresses are always those of the outermost header.
struct Facts {
  int protocol, source_port, destination_port, header;
  unsigned payload;
};

Skip decode(Decoder decoder, const Bytes& octets, Packet& packet, std::uint16_t link_type = 1) {
  const PageEdge edge(octets);
  const auto size = static_cast<std::uint32_t>(octets.size());
  std::memset(static_cast<void*>(&packet), 0xee, sizeof packet);
  return decoder(Frame{edge.data(), 0, size, size, link_type}, packet);
}

void check_one(Decoder decoder, const Bytes& octets, const Facts& facts) {
  Packet packet;
  CHECK(decode(decoder, octets, packet) == Skip::none);
  CHECK_EQ(packet.key.protocol, facts.protocol);
  CHECK_EQ(packet.from_high ? packet.key.high_port : packet.key.low_port, facts.source_port);
  CHECK_EQ(packet.from_high ? packet.key.low_port : packet.key.high_port, facts.destination_port);
  CHECK_EQ(packet.header, facts.header);
  CHECK_EQ(packet.payload, facts.payload);
  CHECK_EQ(packet.key.low.octets[12], 10);
  CHECK_EQ(packet.key.high.octets[12], 192);
  CHECK_EQ(packet.key.ip_version, 4);
  CHECK_EQ(packet.from_high, false);
  if (facts.protocol != kTcp) CHECK_EQ(packet.window | packet.flags, 0);
}

void check_both(const Bytes& octets, const Facts& facts) {
  check_one(decode_cicflowmeter, octets, facts);
  check_one(decode_engelen, octets, facts);
}

Bytes in_ethernet(const Bytes& packet) {
  return ethernet(0x0800, packet);
}
Bytes tcp4(std::size_t payload = 10) {
  return ipv4(kTcp, segment(zeros(payload)));
}

Bytes patched(Bytes octets, std::size_t at, std::uint8_t value) {
  octets.at(at) = value;
  return octets;
}

constexpr Facts kNothing{0, 0, 0, 0, 0};

}  // namespace

TEST(tcp_and_udp) {
  check_both(in_ethernet(tcp4()), {kTcp, 40000, 443, 20, 10});
  check_both(in_ethernet(ipv4(kUdp, datagram(1024, 53, zeros(5)))), {kUdp, 1024, 53, 8, 5});
  Packet packet;
  CHECK(decode(decode_engelen, in_ethernet(tcp4()), packet) == Skip::none);
  CHECK_EQ(packet.window, 0x7210);
  CHECK_EQ(packet.flags, tcp::kPsh | tcp::kAck);
  CHECK_EQ(packet.sequence, 0x01020304U);
  CHECK_EQ(packet.acknowledgement, 0x05060708U);
  CHECK_EQ(packet.ip_length, 50U);
  CHECK_EQ(packet.icmp_type, kNoIcmp);
  CHECK_EQ(packet.icmp_code, kNoIcmp);
}

TEST(every_cut) {
  const Bytes whole = in_ethernet(ipv4(kTcp, segment(zeros(10), 0x18, zeros(12))));
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    const Bytes octets = first(cut, whole);
    Packet packet;
    CHECK(decode(decode_cicflowmeter, octets, packet) == (cut < 34 ? Skip::truncated : Skip::none));
    if (cut < 34) continue;
    const int header = cut < 54 ? 0 : static_cast<int>(std::min<std::size_t>(cut, 66) - 34);
    CHECK_EQ(packet.key.protocol, cut < 54 ? 0 : 6);
    CHECK_EQ(packet.header, header);  // as much of it as was captured
    CHECK_EQ(packet.payload, cut < 66 ? 0U : static_cast<unsigned>(cut - 66));
  }
}

TEST(padding_is_payload_behind_a_vlan_tag_only) {
  check_both(in_ethernet(tcp4(0)) + zeros(6), {kTcp, 40000, 443, 20, 0});
  const Bytes tagged = ethernet(0x8100, vlan(0x2005, 0x8100, vlan(6, 0x0800, tcp4(0)))) + zeros(6);
  check_both(tagged, {kTcp, 40000, 443, 20, 6});
  Packet packet;
  CHECK(decode(decode_cicflowmeter, tagged, packet) == Skip::none);
  CHECK_EQ(packet.vlan, 5);
}

TEST(any_link_type_is_read_as_ethernet) {
  Packet packet;
  CHECK(decode(decode_cicflowmeter, in_ethernet(tcp4()), packet, 113) == Skip::none);
  CHECK(decode(decode_cicflowmeter, tcp4(), packet, 101) == Skip::non_ip);
}

TEST(other_frames_are_no_packets) {
  Packet packet;
  for (const Decoder decoder : {decode_cicflowmeter, decode_engelen}) {
    CHECK(decode(decoder, ethernet(0x86dd, ipv6(kTcp, segment({}))), packet) == Skip::non_ip);
    CHECK(decode(decoder, ethernet(0x0806, zeros(28)), packet) == Skip::non_ip);
    CHECK(decode(decoder, ethernet(0x88a8, vlan(5, 0x0800, tcp4())), packet) == Skip::non_ip);
    CHECK(decode(decoder, ethernet(0x8100, hex("0005 08")), packet) == Skip::truncated);
  }
}

TEST(what_jnetpcap_sees_no_transport_header_in_has_protocol_0) {
  check_both(in_ethernet(patched(tcp4(), 3, 0)), kNothing);  // length 0: segmentation offload
  check_both(ethernet(0x8100, vlan(5, 0x0800, patched(tcp4(), 3, 0))), kNothing);
  check_both(in_ethernet(patched(tcp4(), 7, 1)), kNothing);  // later fragment
  check_both(in_ethernet(patched(tcp4(), 32, 0x40)), kNothing);
  check_both(in_ethernet(patched(tcp4(), 3, 39)), kNothing);  // trimmed into the TCP header
  check_both(in_ethernet(ipv4(kUdp, zeros(7))), kNothing);
  check_both(in_ethernet(ipv4(58, zeros(20))), kNothing);
}

TEST(version_and_header_length_are_not_looked_at) {
  check_both(in_ethernet(patched(tcp4(), 0, 0x65)), {kTcp, 40000, 443, 20, 10});
  check_both(in_ethernet(patched(ipv4(kUdp, zeros(8)), 0, 0x40)), {kUdp, 0x4000, 28, 8, 20});
}

TEST(ip_in_ip_has_inner_ports_and_outer_addresses) {
  const Bytes inner = patched(tcp4(), 12, 99);
  check_both(in_ethernet(ipv4(4, inner)), {kTcp, 40000, 443, 20, 10});
  check_both(in_ethernet(ipv4(4, ipv4(4, inner))), {kTcp, 40000, 443, 20, 10});
  check_both(in_ethernet(ipv4(4, zeros(19))), kNothing);
  check_both(in_ethernet(patched(ipv4(4, tcp4()), 0, 0x40)), kNothing);  // would contain itself
}

TEST(icmp_errors_are_the_packet_they_quote) {
  const Bytes quoted = ipv4(kUdp, datagram(1024, 53, {}));
  for (const char* const type : {"03", "04", "05", "0b", "0c"}) {
    const Bytes octets = in_ethernet(ipv4(kIcmp, hex(type) + hex("010000 00000000") + quoted));
    check_one(decode_cicflowmeter, octets, {kUdp, 1024, 53, 8, 0});
    check_one(decode_engelen, octets, {kIcmp, 0, 0, 0, 0});
  }
  const Bytes echo = in_ethernet(ipv4(kIcmp, hex("0800 0000 00000000") + quoted));
  check_one(decode_cicflowmeter, echo, kNothing);
  check_one(decode_engelen, echo, {kIcmp, 0, 0, 0, 0});
}

TEST(the_fork_keeps_icmp_igmp_and_sctp) {
  Packet packet;
  CHECK(decode(decode_engelen, in_ethernet(ipv4(kIcmp, hex("fdff 0000 00000000"))), packet) == Skip::none);
  CHECK_EQ(packet.icmp_type, 0xfd);
  CHECK_EQ(packet.icmp_code, 0xff);
  const Bytes igmp = in_ethernet(ipv4(2, zeros(8))), sctp = in_ethernet(ipv4(132, hex("0b59 0b5a") + zeros(12)));
  check_one(decode_engelen, igmp, {2, 0, 0, 0, 0});
  check_one(decode_cicflowmeter, igmp, kNothing);
  check_one(decode_engelen, sctp, {132, 2905, 2906, 12, 4});
  check_one(decode_cicflowmeter, sctp, kNothing);
  check_one(decode_engelen, in_ethernet(ipv4(132, zeros(11))), kNothing);
  check_one(decode_engelen, in_ethernet(ipv4(kIcmp, zeros(7))), kNothing);
}

TEST(the_forks_icmp_type_is_the_outermost_headers) {
  Packet packet;
  CHECK(decode(decode_engelen, in_ethernet(ipv4(4, ipv4(kIcmp, hex("0800 0000 00000000") + zeros(20)))), packet) ==
        Skip::none);
  CHECK_EQ(packet.key.protocol, kIcmp);
  CHECK_EQ(packet.icmp_type, kNoIcmp);
}
