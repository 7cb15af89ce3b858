#pragma once
#include <pcap/pcap.h>

#include <memory>
#include <string>

#include "flowedge/live_capture.hpp"

namespace flowedge {

using PcapHandle = std::unique_ptr<pcap_t, void (*)(pcap_t*)>;

/// An active handle that does not block; null, with the reason and a sentence in `problem`, if there can be none.
PcapHandle open_pcap(const LiveOptions& options, LiveRefusal& refusal, std::string& problem);

}  // namespace flowedge
