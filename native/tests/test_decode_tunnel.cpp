#include "check.hpp"
#include "flowedge/decode.hpp"
#include "frames.hpp"
#include "page_edge.hpp"

using namespace flowedge;
using namespace frames;
using Bytes = frames::Octets;

namespace {

constexpr std::uint16_t kRaw = 101;
constexpr std::size_t kPayload = 10;
constexpr std::uint8_t kGre = 47;

Skip decode(std::uint16_t link_type, const Bytes& octets, Packet& packet, bool decapsulate = true) {
  const PageEdge edge(octets);
  const auto size = static_cast<std::uint32_t>(octets.size());
  DecodeOptions options;
  options.decapsulate = decapsulate;
  std::memset(static_cast<void*>(&packet), 0xee, sizeof packet);
  return decode_wire(Frame{edge.data(), 0, size, size, link_type}, options, packet);
}

Bytes tcp4() {
  return ipv4(kTcp, segment(zeros(kPayload)));
}
Bytes tcp6() {
  return ipv6(kTcp, segment(zeros(kPayload)));
}

/// `outer` is IPv4 and ends with segment(zeros(kPayload)) in IP of `inner_version`. Cut short of that, the packet is
/// what the outer headers say: a flow of UDP, or one that nobody asked for.
void check_followed(const Bytes& outer, std::uint8_t inner_version = 4) {
  const bool in_udp = outer[9] == kUdp;
  for (std::size_t cut = 28; cut <= outer.size(); ++cut) {
    const Bytes octets = first(cut, outer);
    Packet packet;
    const bool whole = cut + kPayload >= outer.size();
    CHECK(decode(kRaw, octets, packet) == (whole || in_udp ? Skip::none : Skip::protocol));
    if (whole) {
      CHECK_EQ(packet.key.protocol, kTcp);
      CHECK_EQ(packet.key.ip_version, inner_version);
      CHECK_EQ(packet.payload, kPayload);
    } else if (in_udp) {
      CHECK_EQ(packet.key.protocol, kUdp);
      CHECK_EQ(packet.ip_length, outer.size());
    }
    CHECK(decode(kRaw, octets, packet, false) == (in_udp ? Skip::none : Skip::protocol));
    if (in_udp) CHECK_EQ(packet.key.protocol, kUdp);
  }
}

void check_in_gre(const Bytes& gre, std::uint8_t inner_version = 4) {
  check_followed(ipv4(kGre, gre), inner_version);
}

void check_in_udp(std::uint16_t port, const Bytes& payload, std::uint8_t inner_version = 4) {
  check_followed(ipv4(kUdp, datagram(50000, port, payload)), inner_version);
  check_followed(ipv4(kUdp, datagram(port, 50000, payload)), inner_version);
}

void check_not_followed(const Bytes& outer) {
  Packet packet;
  const bool in_udp = outer[9] == kUdp;
  CHECK(decode(kRaw, outer, packet) == (in_udp ? Skip::none : Skip::protocol));
  if (in_udp) CHECK_EQ(packet.key.protocol, kUdp);
}

void check_not_followed_in_udp(std::uint16_t port, const Bytes& payload) {
  check_not_followed(ipv4(kUdp, datagram(50000, port, payload)));
}

}  // namespace

TEST(ip_in_ip) {
  check_followed(ipv4(4, tcp4()));
  check_followed(ipv4(41, tcp6()), 6);
  check_not_followed(ipv4(4, tcp6()));
  Packet packet;
  CHECK(decode(kRaw, ipv6(4, tcp4()), packet) == Skip::none);
  CHECK_EQ(packet.key.ip_version, 4);
  CHECK(decode(kRaw, ipv6(41, tcp6()), packet) == Skip::none);
  CHECK_EQ(packet.ip_length, 70U);
}

TEST(gre_options_are_skipped) {
  check_in_gre(hex("0000 0800") + tcp4());
  check_in_gre(hex("0000 86dd") + tcp6(), 6);
  check_in_gre(hex("8000 0800 00000000") + tcp4());
  check_in_gre(hex("2000 0800 00000001") + tcp4());
  check_in_gre(hex("1000 0800 00000001") + tcp4());
  check_in_gre(hex("b000 0800 00000000 00000001 00000002") + tcp4());
  check_in_gre(hex("0000 8847 00012140") + tcp4());
  check_in_gre(hex("0000 6558") + ethernet(0x0800, tcp4()));
  check_in_gre(hex("0000 6558") + ethernet(0x8100, vlan(7, 0x86dd, tcp6())), 6);
}

TEST(gre_that_is_not_followed) {
  check_not_followed(ipv4(kGre, hex("4000 0800") + tcp4()));  // source route
  check_not_followed(ipv4(kGre, hex("0002 0800") + tcp4()));
  check_not_followed(ipv4(kGre, hex("0000 0806") + zeros(28)));
  check_not_followed(ipv4(kGre, hex("0000 0000") + tcp4()));
}

TEST(erspan_of_three_types) {
  const Bytes mirrored = ethernet(0x0800, tcp4());
  check_in_gre(hex("0000 88be") + mirrored);
  check_in_gre(hex("1000 88be 00000001") + zeros(8) + mirrored);
  check_in_gre(hex("1000 22eb 00000001") + zeros(12) + mirrored);
  check_in_gre(hex("1000 22eb 00000001") + zeros(11) + hex("01") + zeros(8) + mirrored);
}

TEST(pptp) {
  check_in_gre(hex("3001 880b 0036 0001 00000001 ff03 0021") + tcp4());
  check_in_gre(hex("3081 880b 0036 0001 00000001 00000001 0021") + tcp4());
  check_not_followed(ipv4(kGre, hex("2081 880b 0000 0001 00000001")));
  check_not_followed(ipv4(kGre, hex("2001 880b 0036 0001 00000001 0021") + tcp4()));
  check_not_followed(ipv4(kGre, hex("3001 0800 0036 0001 00000001") + tcp4()));
}

TEST(vxlan) {
  const Bytes inside = ethernet(0x0800, tcp4());
  check_in_udp(4789, hex("08000000 00000100") + inside);
  check_in_udp(8472, hex("08000000 00000100") + inside);
  check_not_followed_in_udp(4789, hex("00000000 00000100") + inside);
  check_not_followed_in_udp(4789, hex("08000000 00000100") + ethernet(0x0806, zeros(28)));
}

TEST(vxlan_gpe_names_what_follows) {
  check_in_udp(4790, hex("0c000001 00000100") + tcp4());
  check_in_udp(4790, hex("0c000002 00000100") + tcp6(), 6);
  check_in_udp(4790, hex("0c000003 00000100") + ethernet(0x0800, tcp4()));
  check_in_udp(4790, hex("0c000005 00000100 00012140") + tcp4());
  check_in_udp(4790, hex("08000000 00000100") + ethernet(0x0800, tcp4()));
  check_not_followed_in_udp(4790, hex("0c000004 00000100") + tcp4());
}

TEST(geneve) {
  check_in_udp(6081, hex("0000 6558 00000100") + ethernet(0x0800, tcp4()));
  check_in_udp(6081, hex("0200 0800 00000100") + zeros(8) + tcp4());
  check_in_udp(6081, hex("0000 86dd 00000100") + tcp6(), 6);
  check_not_followed_in_udp(6081, hex("4000 0800 00000100") + tcp4());
}

TEST(gtp_u_user_data) {
  check_in_udp(2152, hex("30ff 0032 00000001") + tcp4());
  check_in_udp(2152, hex("32ff 0036 00000001 00010000") + tcp6(), 6);
  check_in_udp(2152, hex("34ff 003a 00000001 00000085 01000100") + tcp4());
  check_in_udp(2152, hex("34ff 0042 00000001 000000c0 0200000000000085 01000100") + tcp4());
  check_not_followed_in_udp(2152, hex("3001 0032 00000001") + tcp4());
  check_not_followed_in_udp(2152, hex("50ff 0032 00000001") + tcp4());
  check_not_followed_in_udp(2152, hex("34ff 003a 00000001 00000085 00000100") + tcp4());
}

TEST(teredo_headers_are_skipped) {
  const Bytes authentication = hex("0001 0201 aabb cc") + zeros(9), origin = hex("0000") + zeros(6);
  check_in_udp(3544, tcp6(), 6);
  check_in_udp(3544, origin + tcp6(), 6);
  check_in_udp(3544, authentication + tcp6(), 6);
  check_in_udp(3544, authentication + origin + tcp6(), 6);
  check_not_followed_in_udp(3544, tcp4());
}

TEST(l2tp_data_messages) {
  check_in_udp(1701, hex("0002 0001 0001 ff03 0021") + tcp4());
  check_in_udp(1701, hex("4002 003e 0001 0001 0057") + tcp6(), 6);
  check_in_udp(1701, hex("4a02 003e 0001 0001 0001 0001 0003 000000 0021") + tcp4());
  check_not_followed_in_udp(1701, hex("c802 003e 0001 0001 0000 0000 0021") + tcp4());
  check_not_followed_in_udp(1701, hex("0003 0001 0001 0021") + tcp4());
}

TEST(tunnels_in_tunnels_up_to_eight) {
  Bytes octets = tcp4();
  for (int depth = 1; depth <= 9; ++depth) {
    octets = ipv4(4, octets);
    Packet packet;
    CHECK(decode(kRaw, octets, packet) == (depth <= 8 ? Skip::none : Skip::protocol));
  }
  check_in_udp(4789, hex("08000000 00000100") + ethernet(0x0800, ipv4(kGre, hex("0000 0800") + tcp4())));
}

TEST(what_cannot_be_decoded_inside_counts_as_the_outer_flow) {
  const Bytes header = hex("08000000 00000100");
  Bytes fragment = tcp4();
  fragment[7] = 1;
  check_not_followed_in_udp(4789, header + ethernet(0x0800, fragment));
  check_not_followed_in_udp(4789, header + ethernet(0x0800, ipv4(kIcmp, zeros(8))));
  check_not_followed_in_udp(4789, header + ethernet(0x0800, ipv4(kGre, hex("0000 0800") + fragment)));
}

TEST(all_protocols_go_inwards_too) {
  DecodeOptions options;
  options.all_protocols = options.decapsulate = true;
  const Bytes octets = ipv4(kGre, hex("0000 0800") + ipv4(kIcmp, zeros(8)));
  Packet packet;
  CHECK(decode_wire(Frame{octets.data(), 0, 52, 52, kRaw}, options, packet) == Skip::none);
  CHECK_EQ(packet.key.protocol, kIcmp);
  CHECK_EQ(packet.payload, 8U);
}

TEST(the_vlan_is_that_of_the_outer_frame) {
  const Bytes inside = ethernet(0x8100, vlan(7, 0x0800, tcp4()));
  const Bytes outer = ipv4(kUdp, datagram(50000, 4789, hex("08000000 00000100") + inside));
  Packet packet;
  CHECK(decode(1, ethernet(0x8100, vlan(5, 0x0800, outer)), packet) == Skip::none);
  CHECK_EQ(packet.key.protocol, kTcp);
  CHECK_EQ(packet.vlan, 5);
  CHECK(decode(1, ethernet(0x0800, outer), packet) == Skip::none);
  CHECK_EQ(packet.key.protocol, kTcp);
  CHECK_EQ(packet.vlan, 0);
}
