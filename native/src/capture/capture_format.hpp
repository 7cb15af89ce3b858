#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "flowedge/capture_file.hpp"

namespace flowedge {

/// No record or block that has to be in memory as a whole may be larger; larger ones are damage.
inline constexpr std::uint32_t kMaxRecord = 16U << 20;

/// The stretch of the input that is in memory. What was not consumed moves to the front when more is read.
class InputBuffer {
 public:
  enum class Refill : std::uint8_t { grown, ended, interrupted, failed };

  explicit InputBuffer(ByteSource& source) : source_(source) {}

  const std::uint8_t* data() const { return octets_.get() + begin_; }
  std::size_t size() const { return end_ - begin_; }
  /// Place of data() in the input.
  std::uint64_t offset() const { return octets_read_ - size(); }
  std::uint64_t octets_read() const { return octets_read_; }

  void consume(std::size_t octets) { begin_ += octets; }
  /// Reads once from the source. Pointers into the buffer are void afterwards.
  Refill refill();

 private:
  bool make_room();

  static constexpr std::size_t kInitialCapacity = 256U << 10;
  ByteSource& source_;
  std::unique_ptr<std::uint8_t[]> octets_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t octets_read_ = 0;
};

/// Why reading stopped; `more` while it has not.
struct Verdict {
  ReadStatus status = ReadStatus::more;
  std::string problem;
};

Verdict cut_short(const char* within, std::uint64_t offset);

/// One way of writing captures: knows the records, and what of a file's head they depend on.
class CaptureFormat {
 public:
  static constexpr std::size_t kMagicSize = 4;

  virtual ~CaptureFormat() = default;
  /// Turns the whole records at the front of `input` into frames, up to `room`, and consumes them. Returns how
  /// many; fewer than `room` if the next record is not there as a whole, or bad (then `verdict` says so).
  virtual std::size_t take(InputBuffer& input, Frame* frames, std::size_t room, Verdict& verdict) = 0;
  /// The input ends here: delivers what there is of a last packet (0 or 1 frames), and the verdict.
  virtual std::size_t take_last(InputBuffer& input, Frame& frame, Verdict& verdict) = 0;
};

inline constexpr std::size_t kPcapHeaderSize = 24;
bool is_pcap(const std::uint8_t* magic);
std::unique_ptr<CaptureFormat> make_pcap_format(const std::uint8_t* file_header);

bool is_pcapng(const std::uint8_t* magic);
std::unique_ptr<CaptureFormat> make_pcapng_format();

}  // namespace flowedge
