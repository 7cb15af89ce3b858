#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "flowedge/frame.hpp"

namespace flowedge {

/// Where a capture's octets come from: a descriptor, or a decompressor on the other side of the door.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Reads up to `room` octets into `into`: their number, 0 at the end, -1 on an error (see problem()),
  /// -2 when a signal came first (call again). A short read is not the end.
  virtual std::ptrdiff_t read(std::uint8_t* into, std::size_t room) = 0;
  /// What went wrong, to follow the file's name in a message; empty if nothing did.
  virtual std::string problem() const = 0;
};

/// A file, pipe or standard input. Does not own the descriptor.
std::unique_ptr<ByteSource> make_descriptor_source(int descriptor);

enum class ReadStatus : std::uint8_t {
  more,           ///< not at the end: ask again
  end,            ///< the capture ended where a record ended
  empty,          ///< no octet at all
  not_a_capture,  ///< neither pcap nor pcapng
  cut_short,      ///< ended within a record; what was there of a last packet has been delivered
  malformed,      ///< a record contradicts itself; everything before it has been delivered
  read_failed,    ///< the source reported an error
};

/// Reads pcap (us, ns, "modified", either byte order) and pcapng (several sections, interfaces, link types,
/// resolutions, offsets; EPB, SPB, PB) in blocks, in bounded memory, from anything that can be read in order.
class CaptureReader {
 public:
  virtual ~CaptureReader() = default;
  /// Fills up to `room` frames (at least 1); they are views that stay valid until the next call. 0 with status()
  /// `more` means "interrupted, ask again"; 0 with any other status is the end. The last frames may come together
  /// with that other status.
  virtual std::size_t next(Frame* frames, std::size_t room) = 0;
  virtual ReadStatus status() const = 0;
  /// One sentence's end, to follow the file's name ("cut short: it ends within the packet record at octet 1234"),
  /// empty after a clean end.
  virtual std::string problem() const = 0;
  /// Octets taken from the source so far (for progress).
  virtual std::uint64_t octets_read() const = 0;
};

std::unique_ptr<CaptureReader> make_capture_reader(ByteSource& source);

}  // namespace flowedge
