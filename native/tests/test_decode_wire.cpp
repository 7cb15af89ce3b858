#include <algorithm>

#include "check.hpp"
#include "flowedge/decode.hpp"
#include "frames.hpp"
#include "page_edge.hpp"

using namespace flowedge;
using namespace frames;
using Bytes = frames::Octets;

namespace {

constexpr std::uint16_t kEthernet = 1;
constexpr std::size_t kPayload = 10;

Skip decode(std::uint16_t link_type, const Bytes& octets, Packet& packet, const DecodeOptions& options = {}) {
  const PageEdge edge(octets);
  const auto size = static_cast<std::uint32_t>(octets.size());
  std::memset(static_cast<void*>(&packet), 0xee, sizeof packet);
  return decode_wire(Frame{edge.data(), 0, size, size, link_type}, options, packet);
}

Skip skip_of(std::uint16_t link_type, const Bytes& octets, const DecodeOptions& options = {}) {
  Packet packet;
  return decode(link_type, octets, packet, options);
}

Skip skip_of(const Bytes& octets) {
  return skip_of(kEthernet, octets);
}

Bytes tcp4() {
  return ipv4(6, segment(zeros(kPayload)));
}
Bytes tcp6() {
  return ipv6(6, segment(zeros(kPayload)));
}
Bytes udp4() {
  return ipv4(17, datagram(1024, 53, zeros(kPayload)));
}

void check_tcp_facts(const Packet& packet) {
  CHECK_EQ(packet.key.protocol, 6);
  CHECK_EQ(packet.key.low_port, packet.from_high ? 443 : 40000);
  CHECK_EQ(packet.key.high_port, packet.from_high ? 40000 : 443);
  CHECK_EQ(packet.from_high, false);
  CHECK_EQ(packet.same_address, false);
  CHECK_EQ(packet.payload, kPayload);
  CHECK_EQ(packet.header, 20);
  CHECK_EQ(packet.flags, tcp::kPsh | tcp::kAck);
  CHECK_EQ(packet.window, 0x7210);
  CHECK_EQ(packet.sequence, 0x01020304U);
  CHECK_EQ(packet.acknowledgement, 0x05060708U);
  CHECK_EQ(packet.icmp_type, kNoIcmp);
  CHECK_EQ(packet.icmp_code, kNoIcmp);
  CHECK_EQ(packet.key.zero[0] | packet.key.zero[1], 0);
}

/// `octets` ends with segment(zeros(kPayload)). Cut before the TCP header's end it is truncated; cut behind it, nothing
/// changes.
void check_tcp(std::uint16_t link_type, const Bytes& octets, std::uint8_t ip_version, std::uint32_t ip_length = 0) {
  if (ip_length == 0) ip_length = ip_version == 4 ? 50 : 70;
  for (std::size_t cut = 0; cut <= octets.size(); ++cut) {
    Packet packet;
    const Skip reason = decode(link_type, first(cut, octets), packet);
    if (cut + kPayload < octets.size()) {
      CHECK_EQ(static_cast<int>(reason), static_cast<int>(Skip::truncated));
      continue;
    }
    CHECK_EQ(static_cast<int>(reason), static_cast<int>(Skip::none));
    check_tcp_facts(packet);
    CHECK_EQ(packet.key.ip_version, ip_version);
    CHECK_EQ(packet.ip_length, ip_length);
  }
}

void check_ethernet(std::uint16_t type, const Bytes& octets, std::uint8_t ip_version) {
  check_tcp(kEthernet, ethernet(type, octets), ip_version);
}

Bytes patched(Bytes octets, std::size_t at, std::uint8_t value) {
  octets.at(at) = value;
  return octets;
}

}  // namespace

TEST(ethernet_carries_both_versions) {
  check_ethernet(0x0800, tcp4(), 4);
  check_ethernet(0x86dd, tcp6(), 6);
}

TEST(ethernet_padding_is_no_payload) {
  Packet packet;
  CHECK(decode(kEthernet, ethernet(0x0800, tcp4()) + zeros(30), packet) == Skip::none);
  check_tcp_facts(packet);
}

TEST(udp_has_a_fixed_header_and_no_window) {
  Packet packet;
  CHECK(decode(kEthernet, ethernet(0x0800, udp4()), packet) == Skip::none);
  CHECK_EQ(packet.key.protocol, 17);
  CHECK_EQ(packet.key.low_port, 1024);
  CHECK_EQ(packet.key.high_port, 53);
  CHECK_EQ(packet.header, 8);
  CHECK_EQ(packet.payload, kPayload);
  CHECK_EQ(packet.ip_length, 38U);
  CHECK_EQ(packet.window, -1);
  CHECK_EQ(packet.flags, 0);
  CHECK_EQ(packet.sequence | packet.acknowledgement, 0U);
  CHECK(skip_of(first(14 + 27, ethernet(0x0800, udp4()))) == Skip::truncated);
  CHECK(skip_of(first(14 + 28, ethernet(0x0800, udp4()))) == Skip::none);
}

TEST(options_count_as_headers) {
  Packet packet;
  const Bytes syn = segment(zeros(kPayload), 0x02, hex("020405b4 01010101"));
  CHECK(decode(kEthernet, ethernet(0x0800, ipv4(6, syn, hex("94040000"))), packet) == Skip::none);
  CHECK_EQ(packet.header, 28);
  CHECK_EQ(packet.payload, kPayload);
  CHECK_EQ(packet.ip_length, 62U);
  CHECK_EQ(packet.flags, tcp::kSyn);
}

TEST(vlan_tags_to_any_depth_give_the_outermost_identifier) {
  Bytes octets = tcp4();
  std::uint16_t inner = 0x0800;
  for (const std::uint16_t type : std::initializer_list<std::uint16_t>{0x8100, 0x88a8, 0x9100, 0x9200}) {
    octets = vlan(static_cast<std::uint16_t>(0xe000 | (type & 0xfff)), inner, octets);
    inner = type;
    check_ethernet(type, octets, 4);
    Packet packet;
    CHECK(decode(kEthernet, ethernet(type, octets), packet) == Skip::none);
    CHECK_EQ(packet.vlan, type & 0xfff);
  }
  Packet packet;
  CHECK(decode(kEthernet, ethernet(0x0800, tcp4()), packet) == Skip::none);
  CHECK_EQ(packet.vlan, 0);
}

TEST(mpls_labels_end_at_the_bottom_of_the_stack) {
  check_ethernet(0x8847, hex("00010040 00011040 00012140") + tcp4(), 4);
  check_ethernet(0x8848, hex("00012140") + tcp6(), 6);
  CHECK(skip_of(ethernet(0x8847, hex("00012140 00000000") + zeros(20))) == Skip::non_ip);
}

TEST(pppoe_sessions) {
  check_ethernet(0x8864, hex("1100 0001 0034 0021") + tcp4(), 4);
  check_ethernet(0x8864, hex("1100 0001 0048 0057") + tcp6(), 6);
  check_tcp(51, hex("1100 0001 0034 0021") + tcp4(), 4);
  CHECK(skip_of(ethernet(0x8864, hex("1100 0001 000a c021") + zeros(8))) == Skip::non_ip);
}

TEST(llc_snap_over_ethernet) {
  check_ethernet(58, hex("aaaa03 000000 0800") + tcp4(), 4);
  check_ethernet(58, hex("aaaa03 0000f8 86dd") + tcp6(), 6);
  check_ethernet(58, hex("aaaa03 000000 8100 0007 003a aaaa03 000000 0800") + tcp4(), 4);
  CHECK(skip_of(ethernet(38, hex("424203") + zeros(35))) == Skip::non_ip);
  CHECK(skip_of(ethernet(38, hex("aaaa03 00000c 2000") + zeros(30))) == Skip::non_ip);
  CHECK(skip_of(ethernet(38, hex("aaaa03 000000 0010") + zeros(30))) == Skip::non_ip);
}

TEST(null_loop_and_raw) {
  check_tcp(0, hex("02000000") + tcp4(), 4);
  check_tcp(108, hex("0000001e") + tcp6(), 6);
  for (const std::uint16_t link_type : std::initializer_list<std::uint16_t>{12, 14, 101, 228, 229}) {
    check_tcp(link_type, tcp4(), 4);
    check_tcp(link_type, tcp6(), 6);
    CHECK(skip_of(link_type, patched(tcp4(), 0, 0x55)) == Skip::non_ip);
  }
}

TEST(linux_cooked) {
  check_tcp(113, zeros(14) + hex("0800") + tcp4(), 4);
  check_tcp(113, zeros(14) + hex("8100 0005 86dd") + tcp6(), 6);
  check_tcp(113, zeros(14) + hex("0004 aaaa03 000000 0800") + tcp4(), 4);
  check_tcp(276, hex("86dd") + zeros(18) + tcp6(), 6);
  CHECK(skip_of(113, zeros(14) + hex("0001") + tcp4()) == Skip::non_ip);
}

TEST(ppp_and_cisco_hdlc) {
  check_tcp(9, hex("0021") + tcp4(), 4);
  check_tcp(9, hex("ff03 0057") + tcp6(), 6);
  check_tcp(9, hex("21") + tcp4(), 4);
  check_tcp(9, hex("ff03 0281 00012140") + tcp4(), 4);
  check_tcp(50, hex("ff03 0021") + tcp4(), 4);
  check_tcp(50, hex("0f00 0800") + tcp4(), 4);
  check_tcp(50, hex("8f00 0800") + tcp4(), 4);
  check_tcp(104, hex("0f00 0800") + tcp4(), 4);
  check_tcp(104, hex("8f00 86dd") + tcp6(), 6);
  CHECK(skip_of(9, hex("ff03 c021 0100 0000")) == Skip::non_ip);
  CHECK(skip_of(104, hex("8f00 8035 00000000")) == Skip::non_ip);
}

TEST(nflog_attributes_in_either_byte_order) {
  check_tcp(239, hex("02000000 0800 0100 08000001 0500 0a00 61000000 3600 0900") + tcp4(), 4);
  check_tcp(239, hex("02000000 0008 0001 08000001 0005 000a 61000000 0036 0009") + tcp4(), 4);
  check_tcp(239, hex("0a000000 4a00 0900") + tcp6(), 6);
  CHECK(skip_of(239, hex("07000000 3600 0900") + tcp4()) == Skip::non_ip);
  CHECK(skip_of(239, hex("02000000 0300 0900") + tcp4()) == Skip::malformed);
  CHECK(skip_of(239, hex("02000000 1000 0900") + tcp4()) == Skip::truncated);
}

TEST(ieee_80211_data) {
  const Bytes addresses = zeros(18), snap = hex("aaaa03 000000 0800");
  check_tcp(105, hex("0801 0000") + addresses + hex("1000") + snap + tcp4(), 4);
  check_tcp(105, hex("8802 0000") + addresses + hex("1000 0000") + snap + tcp4(), 4);
  check_tcp(105, hex("8882 0000") + addresses + hex("1000 0000 00000000") + snap + tcp4(), 4);
  check_tcp(105, hex("0803 0000") + addresses + hex("1000") + zeros(6) + snap + tcp4(), 4);
  check_tcp(105, hex("8803 0000") + addresses + hex("1000") + zeros(6) + hex("0000") + snap + tcp4(), 4);
}

TEST(ieee_80211_without_a_packet) {
  const Bytes rest = zeros(18) + hex("1000 0000 aaaa03 000000 0800") + tcp4();
  CHECK(skip_of(105, hex("8802 0000") + rest) == Skip::none);
  CHECK(skip_of(105, hex("8842 0000") + rest) == Skip::non_ip);                       // encrypted
  CHECK(skip_of(105, hex("c802 0000") + rest) == Skip::non_ip);                       // QoS null
  CHECK(skip_of(105, hex("8002 0000") + rest) == Skip::non_ip);                       // beacon
  CHECK(skip_of(105, hex("b402 0000") + rest) == Skip::non_ip);                       // request to send
  CHECK(skip_of(105, patched(hex("8802 0000") + rest, 24, 0x80)) == Skip::non_ip);    // A-MSDU
  CHECK(skip_of(105, patched(hex("8802 0000") + rest, 22, 0x11)) == Skip::fragment);  // of number 1
}

TEST(radiotap_header_is_skipped) {
  const Bytes data = hex("0801 0000") + zeros(18) + hex("1000 aaaa03 000000 0800") + tcp4();
  const Bytes padded = hex("8801 0000") + zeros(18) + hex("1000 0000 eeee aaaa03 000000 0800") + tcp4();
  check_tcp(127, hex("0000 0800 00000000") + data, 4);
  check_tcp(127, hex("0000 0900 02000000 00") + data, 4);
  check_tcp(127, hex("0000 0900 02000000 20") + padded, 4);
  check_tcp(127, hex("0000 1100 03000000 0000000000000000 20") + padded, 4);
  check_tcp(127, hex("0000 1900 030000a0 00000020 00000000 0000000000000000 20") + padded, 4);
  CHECK(skip_of(127, hex("0100 0800 00000000") + data) == Skip::malformed);
  CHECK(skip_of(127, hex("0000 0700 00000000") + data) == Skip::malformed);
}

TEST(ipv6_extension_headers) {
  const Bytes end = segment(zeros(kPayload));
  for (const std::uint8_t type : std::initializer_list<std::uint8_t>{0, 43, 60, 135, 139, 140}) {
    check_tcp(101, ipv6(type, hex("06 01") + zeros(14) + end), 6, 86);
  }
  check_tcp(101, ipv6(44, hex("06 00 0001 00000001") + end), 6, 78);
  check_tcp(101, ipv6(51, hex("06 04") + zeros(22) + end), 6, 94);
  check_tcp(
      101,
      ipv6(0, hex("2b 00") + zeros(6) + hex("2c 00") + zeros(6) + hex("3c 00 0000 00000001 06 00") + zeros(6) + end), 6,
      102);
  CHECK(skip_of(101, ipv6(44, hex("06 00 0008 00000001") + end)) == Skip::fragment);
  CHECK(skip_of(101, ipv6(59, end)) == Skip::protocol);
}

TEST(authentication_header_in_ipv4) {
  check_tcp(101, ipv4(51, hex("06 04") + zeros(22) + segment(zeros(kPayload))), 4, 74);
  CHECK(skip_of(101, ipv4(0, hex("06 00") + zeros(6) + segment(zeros(kPayload)))) == Skip::protocol);
}

TEST(first_fragments_are_packets_and_later_ones_are_not) {
  CHECK(skip_of(101, patched(tcp4(), 6, 0x20)) == Skip::none);
  CHECK(skip_of(101, patched(tcp4(), 7, 0x01)) == Skip::fragment);
  CHECK(skip_of(101, patched(tcp4(), 6, 0x10)) == Skip::fragment);
}

TEST(length_zero_means_what_was_captured) {
  Packet packet;
  CHECK(decode(101, patched(tcp4(), 3, 0), packet) == Skip::none);
  CHECK_EQ(packet.ip_length, 50U);
  CHECK_EQ(packet.payload, kPayload);
  CHECK(decode(101, patched(tcp6(), 5, 0) + zeros(5), packet) == Skip::none);
  CHECK_EQ(packet.ip_length, 75U);
  CHECK_EQ(packet.payload, kPayload + 5);
}

TEST(length_too_small_for_the_transport_header_leaves_no_payload) {
  Packet packet;
  CHECK(decode(101, patched(tcp4(), 3, 30), packet) == Skip::none);
  CHECK_EQ(packet.ip_length, 30U);
  CHECK_EQ(packet.payload, 0U);
}

TEST(contradictions_are_malformed) {
  CHECK(skip_of(ethernet(0x0800, tcp6())) == Skip::malformed);
  CHECK(skip_of(ethernet(0x86dd, tcp4() + zeros(20))) == Skip::malformed);
  CHECK(skip_of(101, patched(tcp4(), 0, 0x44)) == Skip::malformed);
  CHECK(skip_of(101, patched(tcp4(), 3, 19)) == Skip::malformed);
  CHECK(skip_of(101, patched(tcp4(), 32, 0x40)) == Skip::malformed);
}

TEST(unknown_links_and_protocols) {
  CHECK(skip_of(147, tcp4()) == Skip::link);
  CHECK(skip_of(ethernet(0x0806, zeros(28))) == Skip::non_ip);
  CHECK(skip_of(101, ipv4(1, hex("0800 0000 00010001"))) == Skip::protocol);
  CHECK(skip_of(101, ipv6(58, hex("8000 0000 00010001"))) == Skip::protocol);
}

TEST(all_protocols_have_no_ports) {
  DecodeOptions options;
  options.all_protocols = true;
  for (const Bytes& octets : {ipv4(1, zeros(8)), ipv6(58, zeros(8))}) {
    Packet packet;
    CHECK(decode(101, octets, packet, options) == Skip::none);
    CHECK_EQ(packet.key.protocol, octets[0] == 0x45 ? 1 : 58);
    CHECK_EQ(packet.key.low_port | packet.key.high_port, 0);
    CHECK_EQ(packet.header, 0);
    CHECK_EQ(packet.payload, 8U);
    CHECK_EQ(packet.window, -1);
    CHECK_EQ(packet.flags, 0);
  }
  CHECK(skip_of(101, patched(ipv4(1, {}), 0, 0x46), options) == Skip::malformed);
  CHECK(skip_of(101, patched(patched(ipv4(1, {}), 0, 0x46), 3, 24), options) == Skip::truncated);
}

TEST(both_directions_have_one_key) {
  for (const bool port_decides : {false, true}) {
    Bytes there = tcp4();
    if (port_decides) std::copy(there.begin() + 12, there.begin() + 16, there.begin() + 16);
    Bytes back = there;
    std::swap_ranges(back.begin() + 12, back.begin() + 16, back.begin() + 16);
    std::swap_ranges(back.begin() + 20, back.begin() + 22, back.begin() + 22);
    Packet one, other;
    CHECK(decode(101, there, one) == Skip::none);
    CHECK(decode(101, back, other) == Skip::none);
    CHECK(one.key == other.key);
    CHECK(one.from_high != other.from_high);
    CHECK_EQ(one.same_address, port_decides);
    CHECK_EQ(other.same_address, port_decides);
  }
}

TEST(set_endpoints_agrees_with_the_decoder) {
  for (const Bytes& octets : {tcp4(), tcp6()}) {
    Packet decoded, made;
    CHECK(decode(101, octets, decoded) == Skip::none);
    const bool v4 = decoded.key.ip_version == 4;
    const Address source = v4 ? Address::v4(&octets[12]) : Address::v6(&octets[8]);
    const Address destination = v4 ? Address::v4(&octets[16]) : Address::v6(&octets[24]);
    set_endpoints(made, source, destination, 40000, 443, 6);
    CHECK(made.key == decoded.key);
    CHECK(made.key.low.octets == source.octets);
    CHECK(made.key.high.octets == destination.octets);
    CHECK_EQ(made.from_high, false);
    set_endpoints(made, destination, source, 443, 40000, 6);
    CHECK(made.key == decoded.key);
    CHECK_EQ(made.from_high, true);
  }
}

TEST(a_mapped_address_in_ipv6_is_not_ipv4) {
  Bytes octets = tcp6();
  const Bytes mapped = zeros(10) + hex("ffff");
  for (const std::ptrdiff_t at : {8, 24}) std::copy(mapped.begin(), mapped.end(), octets.begin() + at);
  Packet packet;
  CHECK(decode(101, octets, packet) == Skip::none);
  CHECK_EQ(packet.key.ip_version, 6);
}

TEST(endpoints_are_ordered_by_address_then_port) {
  Address low{}, high{};
  low.octets = {1, 0, 0, 0, 0, 0, 0, 9};
  high.octets = {1, 0, 0, 0, 0, 0, 1, 0};
  Packet packet;
  set_endpoints(packet, high, low, 1, 2, 6);
  CHECK_EQ(packet.from_high, true);
  CHECK_EQ(packet.key.high_port, 1);
  set_endpoints(packet, high, high, 2, 1, 6);
  CHECK_EQ(packet.from_high, true);
  CHECK_EQ(packet.same_address, true);
  CHECK_EQ(packet.key.low_port, 1);
  set_endpoints(packet, high, high, 7, 7, 6);
  CHECK_EQ(packet.from_high, false);
}
