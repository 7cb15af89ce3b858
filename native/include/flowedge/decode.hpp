#pragma once
#include "flowedge/frame.hpp"
#include "flowedge/packet.hpp"
#include "flowedge/skip.hpp"

namespace flowedge {

/// Which packets become part of a flow, beyond TCP and UDP in the outermost IP header.
struct DecodeOptions {
  bool all_protocols = false;  ///< every IP protocol; ports 0 where it is neither TCP nor UDP
  bool decapsulate = false;    ///< follow GRE, ERSPAN, VXLAN, Geneve, GTP-U, IP in IP, 6in4, Teredo and L2TP inwards
};

/// Decodes any link type we know; lengths come from the IP header, so that neither Ethernet padding nor a
/// snaplen changes them (with an IP length of 0, as segmentation offload leaves it: what was captured).
/// Returns Skip::none and fills `packet` (but for time and hash), or the reason why it is in no flow.
/// Reads no octet beyond frame.data[frame.captured - 1]; keeps no state.
Skip decode_wire(const Frame& frame, const DecodeOptions& options, Packet& packet);

/// Decodes as CICFlowMeter v4's jnetpcap does: everything is Ethernet, IPv4 alone, captured octets count,
/// protocol 0 for all that is not TCP or UDP (FEATURES: packets made up from non-IP frames are left out).
Skip decode_cicflowmeter(const Frame& frame, Packet& packet);

/// The same as the Engelen fork does it: ICMP, IGMP and SCTP keep their numbers.
Skip decode_engelen(const Frame& frame, Packet& packet);

}  // namespace flowedge
