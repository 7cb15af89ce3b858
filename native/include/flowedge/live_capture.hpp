#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "flowedge/live_feed.hpp"
#include "flowedge/record.hpp"

namespace flowedge {

/// As the host sees it. What goes through the loopback interface comes in.
enum class CaptureDirection : std::uint8_t { both, in, out };

struct LiveOptions {
  std::string interface;
  int snaplen = 256;
  int buffer_octets = 8 << 20;  ///< of the kernel's ring
  bool promiscuous = true;
  CaptureDirection direction = CaptureDirection::both;
  std::string timestamp_type;  ///< libpcap's name ("host", "adapter", ...); empty: the interface's default
  std::string filter;          ///< empty: every frame
  /// PACKET_FANOUT by flow hash, so that both directions of a flow reach one socket: kNoFanout, kNewGroup, or the
  /// number of a group that another capture of this interface has made.
  int fanout = -1;
};
inline constexpr int kNoFanout = -1;
inline constexpr int kNewGroup = -2;

/// Why a capture could not be opened.
enum class LiveRefusal : std::uint8_t {
  none,
  unsupported,  ///< the build has no libpcap
  no_such_interface,
  not_up,
  permission,
  bad_option,  ///< filter, direction or timestamp type: see the text
  other,
};

enum class LiveStatus : std::uint8_t {
  batch_full,  ///< take the batch and call again with another
  waited,      ///< the time is over
  gone,        ///< the interface is gone, or has another name: open it anew when it is back
  failed,      ///< see problem()
};

/// Since the capture was opened. received == frames delivered + dropped, once the kernel's buffer is empty.
struct LiveCounters {
  std::uint64_t received = 0;           ///< frames that passed the filter, the dropped ones included
  std::uint64_t dropped = 0;            ///< by the kernel, for lack of room in its buffer
  std::uint64_t interface_dropped = 0;  ///< by the interface or its driver, where it tells
};

/// An interface that is captured, by libpcap.
class LiveCapture {
 public:
  /// Null, with the reason and a sentence in `problem`, if it cannot be.
  static std::unique_ptr<LiveCapture> open(const LiveOptions& options, LiveRefusal& refusal, std::string& problem);
  virtual ~LiveCapture() = default;

  /// Carries frames to the feed until `out` is full or the time is over; waits for them without using the CPU.
  virtual LiveStatus run(LiveFeed& feed, RecordBatch& out, int milliseconds) = 0;

  /// From now on the kernel refuses frames; those in its buffer can still be taken.
  virtual void stop_receiving() = 0;
  /// Throws away what is in the kernel's buffer, and counts from here on.
  virtual void discard_waiting() = 0;

  virtual LiveCounters counters() = 0;
  virtual std::uint16_t link_type() const = 0;
  /// Whether stamps are the host's clock's, and not those of the adapter.
  virtual bool stamped_by_host() const = 0;
  virtual int fanout_group() const = 0;
  virtual const std::string& problem() const = 0;
};

struct InterfaceInfo {
  std::string name;
  std::string description;
  std::vector<std::string> addresses;  ///< IPv4 and IPv6, as text
  bool up = false;
  bool running = false;
  bool loopback = false;
};

/// What libpcap can capture; false with a sentence in `problem` if it cannot tell.
bool list_interfaces(std::vector<InterfaceInfo>& interfaces, std::string& problem);

/// "libpcap version 1.10.3 (with TPACKET_V3)"; empty where the build had none.
std::string libpcap_version();

}  // namespace flowedge
