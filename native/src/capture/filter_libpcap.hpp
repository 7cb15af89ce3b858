#pragma once
#include <pcap/pcap.h>

#include <string>

#include "flowedge/filter.hpp"

namespace flowedge {

/// Compiles an expression for the link type and snaplen of a handle; false with libpcap's sentence in `problem` if it
/// is wrong.
bool compile_filter(pcap_t* handle, const std::string& expression, BpfProgram& program, std::string& problem);

}  // namespace flowedge
