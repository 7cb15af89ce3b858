#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "flowedge/frame.hpp"

namespace flowedge {

/// One instruction of the classic BPF machine (bpf(4)).
struct BpfInstruction {
  std::uint16_t code;
  std::uint8_t jump_true;
  std::uint8_t jump_false;
  std::uint32_t k;
};
using BpfProgram = std::vector<BpfInstruction>;

/// Turns a filter expression (pcap-filter(7)) into a program for a link type; false with a sentence in
/// `problem` when the expression is wrong, or says nothing for that link type.
using FilterCompiler = std::function<bool(const std::string& expression, std::uint16_t link_type, BpfProgram& program,
                                          std::string& problem)>;

/// libpcap's compiler; empty where the build had no libpcap (then the caller brings its own).
FilterCompiler libpcap_compiler();

/// A capture filter for captures of any mixture of link types: compiled once for each that is met.
class PacketFilter {
 public:
  PacketFilter(std::string expression, FilterCompiler compile);
  PacketFilter(const PacketFilter&) = delete;
  PacketFilter& operator=(const PacketFilter&) = delete;

  /// Whether the frame passes. A frame of a link type for which the expression cannot be compiled does not; the
  /// first such refusal stays in problem().
  bool matches(const Frame& frame);
  const std::string& problem() const { return problem_; }

  /// False with a sentence in problem() if the expression cannot be compiled for this link type.
  bool prepare(std::uint16_t link_type);

 private:
  struct Compiled {
    bool usable = false;
    BpfProgram program;
  };
  const Compiled& compiled_for(std::uint16_t link_type);
  bool compile(std::uint16_t link_type, BpfProgram& program, std::string& problem) const;

  std::string expression_;
  FilterCompiler compile_;
  std::map<std::uint16_t, Compiled> compiled_;
  const Compiled* current_ = nullptr;  ///< of the link type met last, in `compiled_`
  std::uint16_t current_link_type_ = 0;
  std::string problem_;
};

/// Whether every instruction is known, every jump leads forward and stays inside the program, no constant divisor
/// is zero, the scratch memory has the places named, and the last instruction returns.
bool bpf_valid(const BpfProgram& program);

/// Runs a valid program on a frame: octets to keep, 0 to refuse (also for a load beyond the captured octets).
std::uint32_t bpf_run(const BpfProgram& program, const std::uint8_t* data, std::uint32_t captured,
                      std::uint32_t on_wire);

}  // namespace flowedge
