#pragma once
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "flowedge/record.hpp"

/// The names of the files that flows are saved in. Nothing but numbers and addresses gets into them from packets.
namespace flowedge {

/// SRC-SPORT-DST-DPORT-PROTOCOL-MICROSECONDS, with "_" for ":". The microseconds are those of the first packet.
std::string flow_file_stem(const FlowRecord& record);

/// Who writes a part: the file of a flow that has not ended.
struct PartOwner {
  pid_t process;
  std::uint32_t saver;  ///< its number within the process
};

/// ".flowedge-PROCESS-SAVER-NUMBER.part"
std::string part_name(const PartOwner& owner, std::uint64_t number);

/// Whose part a file is by its name; nobody's if the name is not one that part_name() makes.
std::optional<PartOwner> owner_of_part(std::string_view name);

}  // namespace flowedge
