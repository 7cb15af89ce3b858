#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "flowedge/capture_file.hpp"
#include "flowedge/column_list.hpp"
#include "flowedge/filter.hpp"
#include "flowedge/live_feed.hpp"
#include "flowedge/skip.hpp"

// What the door needs of C++ that Cython cannot write: functions as objects, values without a default, and macro lists
// as tables.

namespace flowedge {

/// A ByteSource that asks a function, which answers as ByteSource::read does.
class CallbackSource final : public ByteSource {
 public:
  using Read = std::ptrdiff_t (*)(void* context, std::uint8_t* into, std::size_t room);

  CallbackSource(Read read, void* context) : read_(read), context_(context) {}
  std::ptrdiff_t read(std::uint8_t* into, std::size_t room) override { return read_(context_, into, room); }
  std::string problem() const override { return "the stream could not be read"; }

 private:
  Read read_;
  void* context_;
};

using CompileCallback = bool (*)(void* context, const std::string& expression, std::uint16_t link_type,
                                 BpfProgram& program, std::string& problem);

inline FilterCompiler callback_compiler(CompileCallback compile, void* context) {
  return [compile, context](const std::string& expression, std::uint16_t link_type, BpfProgram& program,
                            std::string& problem) { return compile(context, expression, link_type, program, problem); };
}

inline bool have_libpcap_compiler() {
  return static_cast<bool>(libpcap_compiler());
}

/// For the host's own clocks.
inline LiveFeed* make_live_feed(Engine& engine, bool stamped_by_host, FlowSaver* saver) {
  return new LiveFeed(engine, SteadyTime(host_time, stamped_by_host), saver);
}

struct SkipReason {
  const char* name;
  const char* meaning;
};

/// By Skip.
// clang-format off
inline constexpr SkipReason kSkipReasonList[] = {
    {"none", "is in a flow"},
#define X(name, meaning) {#name, meaning},
    FLOWEDGE_SKIP_REASONS(X)
#undef X
};
// clang-format on

/// In the order of kColumns.
inline constexpr const char* kColumnUnitNames[] = {
#define X(name, type, unit, position, java, cicids2017, ids2018, meaning) #unit,
    FLOWEDGE_ALL_COLUMNS(X)
#undef X
};

}  // namespace flowedge
