#include "flowedge/filter.hpp"

#include <utility>

namespace flowedge {

PacketFilter::PacketFilter(std::string expression, FilterCompiler compile)
    : expression_(std::move(expression)), compile_(std::move(compile)) {}

bool PacketFilter::matches(const Frame& frame) {
  if (!current_ || frame.link_type != current_link_type_) {
    current_ = &compiled_for(frame.link_type);
    current_link_type_ = frame.link_type;
  }
  return current_->usable && bpf_run(current_->program, frame.data, frame.captured, frame.on_wire) != 0;
}

bool PacketFilter::prepare(std::uint16_t link_type) {
  return compiled_for(link_type).usable;
}

const PacketFilter::Compiled& PacketFilter::compiled_for(std::uint16_t link_type) {
  const auto known = compiled_.find(link_type);
  if (known != compiled_.end()) return known->second;
  Compiled& made = compiled_[link_type];
  std::string problem;
  made.usable = compile(link_type, made.program, problem);
  if (!made.usable && problem_.empty()) {
    problem_ =
        "the filter \"" + expression_ + "\" does not work for link type " + std::to_string(link_type) + ": " + problem;
  }
  return made;
}

bool PacketFilter::compile(std::uint16_t link_type, BpfProgram& program, std::string& problem) const {
  if (!compile_) {
    problem = "there is no filter compiler in this build";
    return false;
  }
  if (!compile_(expression_, link_type, program, problem)) return false;
  if (bpf_valid(program)) return true;
  problem = "it needs a loop, which capture files are not filtered with (as \"protochain\" does)";
  return false;
}

}  // namespace flowedge
