#pragma once
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "flowedge/address.hpp"

namespace flowedge {

/// The 5-tuple without a direction: the lower endpoint first. Zero-padded, compared as octets.
struct FlowKey {
  Address low;
  Address high;
  std::uint16_t low_port;  ///< host order
  std::uint16_t high_port;
  std::uint8_t protocol;
  std::uint8_t ip_version;  ///< 4 or 6: a v4-mapped address may also come in an IPv6 header
  std::uint8_t zero[2];

  friend bool operator==(const FlowKey& a, const FlowKey& b) { return std::memcmp(&a, &b, sizeof a) == 0; }
};
static_assert(sizeof(FlowKey) == 40 && std::is_trivially_copyable_v<FlowKey>);

namespace tcp {
inline constexpr std::uint8_t kFin = 1, kSyn = 2, kRst = 4, kPsh = 8, kAck = 16, kUrg = 32, kEce = 64, kCwr = 128;
}

inline constexpr std::uint8_t kIcmp = 1, kTcp = 6, kUdp = 17;  ///< IP protocol numbers

inline constexpr std::int16_t kNoIcmp = -1;

/// What a flow needs to know of a packet; it does not point into the frame.
struct Packet {
  FlowKey key;
  std::int64_t time;        ///< in the mode's ticks, filled by the engine
  std::uint32_t hash;       ///< of `key`, filled by the engine
  std::uint32_t ip_length;  ///< IP header and payload, by the header; what was captured if that says 0
  std::uint32_t payload;    ///< octets after the transport header
  std::int32_t window;      ///< TCP window; of other protocols -1 (wire decoder) or 0 (the Java tools)
  std::uint32_t sequence;   ///< TCP, for the fork's retransmission count; else 0
  std::uint32_t acknowledgement;
  std::uint16_t vlan;      ///< outermost 802.1Q identifier, 0 if none
  std::uint8_t header;     ///< transport header length in octets
  std::uint8_t flags;      ///< TCP flags (tcp::k...), else 0
  bool from_high;          ///< the sender is the key's higher endpoint
  bool same_address;       ///< both endpoints have one address: CICFlowMeter then calls each packet forward
  std::int16_t icmp_code;  ///< Engelen fork, 0 to 255; else kNoIcmp
  std::int16_t icmp_type;  ///< Engelen fork, 0 to 255; else kNoIcmp
};

/// Fills key, from_high and same_address; endpoints are ordered by address, then port. The IP version is that of the
/// addresses: 4 if both are v4-mapped.
void set_endpoints(Packet& packet, const Address& source, const Address& destination, std::uint16_t source_port,
                   std::uint16_t destination_port, std::uint8_t protocol);

}  // namespace flowedge
