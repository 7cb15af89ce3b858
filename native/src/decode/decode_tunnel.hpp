#pragma once
#include "decode_ip.hpp"

namespace flowedge::wire {

/// Finds what `outer` carries if it is a tunnel that we follow: GRE (with ERSPAN and PPTP), IP in IP, 6in4, VXLAN,
/// VXLAN-GPE, Geneve, GTP-U, Teredo or L2TPv2. False if it is none, or not one with an IP header inside.
bool enter_tunnel(const IpLayer& outer, NetworkLayer& inner);

}  // namespace flowedge::wire
