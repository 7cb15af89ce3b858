#include "flowedge/packet.hpp"

#include "endpoint.hpp"

namespace flowedge {

void set_endpoints(Packet& packet, const Address& source, const Address& destination, std::uint16_t source_port,
                   std::uint16_t destination_port, std::uint8_t protocol) {
  const Endpoint from = Endpoint::v6(source.octets.data(), source_port);
  const Endpoint to = Endpoint::v6(destination.octets.data(), destination_port);
  set_endpoints(packet, from, to, from.is_v4_mapped() && to.is_v4_mapped() ? 4 : 6, protocol);
}

}  // namespace flowedge
