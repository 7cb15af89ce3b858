// The first octet is the number of instructions, which follow eight octets each; then comes the frame.
#include <vector>

#include "flowedge/filter.hpp"

namespace {

constexpr std::size_t kInstruction = 8;

flowedge::BpfInstruction instruction_at(const std::uint8_t* at) {
  const auto low = static_cast<std::uint32_t>(at[4] | at[5] << 8);
  const auto high = static_cast<std::uint32_t>(at[6] | at[7] << 8);
  return {static_cast<std::uint16_t>(at[0] | at[1] << 8), at[2], at[3], low | high << 16};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || (size - 1) / kInstruction < data[0]) return 0;
  flowedge::BpfProgram program;
  for (std::size_t i = 0; i < data[0]; ++i) program.push_back(instruction_at(data + 1 + i * kInstruction));
  const std::size_t head = 1 + program.size() * kInstruction;
  const std::vector<std::uint8_t> frame(data + head, data + size);  // of its own, so that an over-read is seen
  const auto captured = static_cast<std::uint32_t>(frame.size());
  if (flowedge::bpf_valid(program)) flowedge::bpf_run(program, frame.data(), captured, captured);
  return 0;
}
