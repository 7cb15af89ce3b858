#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "flowedge/decode.hpp"

// Input: link type (two octets, big-endian), options (one octet: bit 0 all protocols, bit 1 decapsulate), frame.

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

/// What every decoder promises of a packet that it lets through.
void check(flowedge::Skip reason, const flowedge::Packet& packet) {
  if (reason != flowedge::Skip::none) return;
  const flowedge::FlowKey& key = packet.key;
  require(key.zero[0] == 0 && key.zero[1] == 0);
  require(key.ip_version == 4 || key.ip_version == 6);
  require(key.low.octets < key.high.octets || (key.low.octets == key.high.octets && key.low_port <= key.high_port));
  require(packet.same_address == (key.low.octets == key.high.octets));
  require(packet.header <= 60);
  require(packet.window >= -1 && packet.window <= 0xffff);
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kPrefix = 3;
  if (size < kPrefix) return 0;
  const auto captured = static_cast<std::uint32_t>(size - kPrefix);
  const auto link_type = static_cast<std::uint16_t>(data[0] << 8 | data[1]);
  const flowedge::Frame frame{data + kPrefix, 0, captured, captured, link_type};
  flowedge::DecodeOptions options;
  options.all_protocols = (data[2] & 1) != 0;
  options.decapsulate = (data[2] & 2) != 0;
  flowedge::Packet packet;
  check(flowedge::decode_wire(frame, options, packet), packet);
  check(flowedge::decode_cicflowmeter(frame, packet), packet);
  check(flowedge::decode_engelen(frame, packet), packet);
  return 0;
}
