#pragma once
#include "flowedge/filter.hpp"
#include "flowedge/live_capture.hpp"

namespace flowedge {

/// Makes of a program that libpcap compiled for a link type the one that the kernel is to run on a packet socket:
/// frames in another direction, and the second copy of what goes through the loopback interface, are refused first.
///
/// False if the program looks at a link-layer header that is not there in the kernel: libpcap makes those of "any" and
/// of PPP itself (LINKTYPE_LINUX_SLL).
bool make_socket_filter(BpfProgram& program, std::uint16_t link_type, CaptureDirection direction,
                        std::uint32_t loopback);

/// Refuses every frame.
BpfProgram make_closed_filter();

}  // namespace flowedge
