#pragma once
#include <cstdint>

#include "bytes.hpp"
#include "flowedge/skip.hpp"

namespace flowedge::wire {

/// EtherTypes (IEEE 802 Numbers, IANA).
namespace ethertype {
inline constexpr std::uint16_t kIpv4 = 0x0800, kIpv6 = 0x86dd;
inline constexpr std::uint16_t kVlan = 0x8100, kServiceVlan = 0x88a8, kOldVlan1 = 0x9100, kOldVlan2 = 0x9200;
inline constexpr std::uint16_t kMpls = 0x8847, kMplsMulticast = 0x8848, kPppoeSession = 0x8864;
inline constexpr std::uint16_t kEthernet = 0x6558, kPpp = 0x880b;
inline constexpr std::uint16_t kErspan2 = 0x88be, kErspan3 = 0x22eb;
inline constexpr std::uint16_t kFirst = 0x0600;  ///< a lower value is the length of an LLC frame (IEEE 802.3)
}  // namespace ethertype

/// LINKTYPE_ numbers (tcpdump.org/linktypes.html).
namespace link_type {
inline constexpr std::uint16_t kNull = 0, kEthernet = 1, kPpp = 9, kOldRaw12 = 12, kOldRaw14 = 14, kPppHdlc = 50,
                               kPppEther = 51, kRaw = 101, kCiscoHdlc = 104, kIeee80211 = 105, kLoop = 108,
                               kLinuxCooked = 113, kRadiotap = 127, kIpv4 = 228, kIpv6 = 229, kNflog = 239,
                               kLinuxCooked2 = 276;
}

inline constexpr std::size_t kEthernetHeader = 14;

/// Where the IP header begins, and what the layer below calls it.
struct NetworkLayer {
  Octets octets;            ///< from the IP header to the end of the captured octets
  std::uint8_t ip_version;  ///< 4 or 6
  std::uint16_t vlan;       ///< outermost 802.1Q identifier, 0 if none
};

/// Each find_ function returns Skip::none and fills `network`, or says why there is no IP header.
/// None recurses; each turn of a loop takes octets off the frame.

Skip find_by_link_type(std::uint16_t link_type, Octets frame, NetworkLayer& network);

Skip find_in_ethernet(Octets frame, NetworkLayer& network);

/// VLAN tags, LLC/SNAP, MPLS and PPPoE are taken off.
Skip find_by_ethertype(std::uint16_t type, Octets rest, NetworkLayer& network);

/// From the PPP protocol field or the HDLC-like framing before it on (RFC 1661, RFC 1662).
Skip find_in_ppp(Octets rest, NetworkLayer& network);

/// IP of the version that its first four bits say.
Skip find_by_version(Octets rest, NetworkLayer& network);

/// IEEE 802.11 without radiotap; `padded`: the header is filled up to a multiple of 4 octets.
Skip find_in_80211(Octets frame, bool padded, NetworkLayer& network);
Skip find_in_radiotap(Octets frame, NetworkLayer& network);

}  // namespace flowedge::wire
