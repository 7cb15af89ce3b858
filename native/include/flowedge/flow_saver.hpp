#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "flowedge/flow_observer.hpp"
#include "flowedge/frame.hpp"

namespace flowedge {

struct SaverOptions {
  std::string folder;
  std::uint32_t snaplen = 262144;             ///< octets of a frame that are saved, 262144 at most
  std::size_t memory = std::size_t{8} << 20;  ///< octets of frames held before they go to disk; one frame fits always
  std::uint64_t flow_octets = 64ULL << 20;    ///< of one file; what comes beyond is not saved
};

struct SaverCounters {
  std::uint64_t files = 0;    ///< completed
  std::uint64_t octets = 0;   ///< in completed files
  std::uint64_t packets = 0;  ///< saved, in completed files
  /// Packets that will be in no file: beyond flow_octets, of a flow that could not be written as a whole or
  /// was discarded, of another link type than the flow's first, not of 1970 to 2106 (pcap has no other times).
  std::uint64_t unsaved = 0;
};

/// Saves the frames of each flow to a capture file of its own (pcap, nanoseconds).
///
/// Frames are held in memory up to a bound, then appended, oldest flow first, to the flow's file, which is opened for
/// that moment only. While a flow is open its file is hidden (".flowedge-..."); complete, it is named
/// SRC-SPORT-DST-DPORT-PROTOCOL-MICROSECONDS.pcap (with "_" for ":"), "-2" and so on added if there is one already.
/// A flow whose file cannot be written (disk full) is given up, and its file removed; the next flow is tried anew.
///
/// Hidden files that a process left when it was killed are removed when the next saver is made. Whether it runs is
/// asked by its number, so that containers must not share a folder. Files are not synced: those of the last seconds
/// before a power failure may be incomplete.
class FlowSaver : public FlowObserver {
 public:
  static std::unique_ptr<FlowSaver> make(const SaverOptions& options);

  /// Copies a frame aside, as that of packet number `packet` of the block to be processed next. A packet of which no
  /// frame is staged is not saved.
  virtual void stage(std::size_t packet, const Frame& frame) = 0;
  /// The block has been processed.
  virtual void clear_stage() = 0;

  virtual const SaverCounters& counters() const = 0;
  /// What went wrong last ("No space left on device"); empty while nothing did. A folder that cannot be read shows
  /// here at once.
  virtual const std::string& problem() const = 0;
};

}  // namespace flowedge
