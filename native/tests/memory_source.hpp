#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "flowedge/capture_file.hpp"

/// Octets in memory as a source that hands them out in pieces: at most `most` at a time, of random size with a
/// seed, then also with "a signal came" now and then.
class MemorySource final : public flowedge::ByteSource {
 public:
  explicit MemorySource(const std::vector<std::uint8_t>& octets, std::size_t most = SIZE_MAX, unsigned seed = 0)
      : octets_(octets), most_(most), random_(seed), restless_(seed != 0) {}

  /// From now on the end of the octets is an error.
  void fail_at_end(std::string problem) { problem_ = std::move(problem); }
  std::size_t largest_room() const { return largest_room_; }

  std::ptrdiff_t read(std::uint8_t* into, std::size_t room) override {
    largest_room_ = std::max(largest_room_, room);
    if (restless_ && random_() % 8 == 0) return -2;
    const std::size_t most = restless_ ? random_() % most_ + 1 : most_;
    const std::size_t size = std::min({room, most, octets_.size() - at_});
    if (size == 0) return problem_.empty() ? 0 : -1;
    std::memcpy(into, octets_.data() + at_, size);
    at_ += size;
    return static_cast<std::ptrdiff_t>(size);
  }
  std::string problem() const override { return at_ == octets_.size() ? problem_ : std::string(); }

 private:
  const std::vector<std::uint8_t>& octets_;
  std::size_t most_;
  std::minstd_rand random_;
  bool restless_;
  std::string problem_;
  std::size_t at_ = 0;
  std::size_t largest_room_ = 0;
};

/// A frame with its octets, as it was when the reader delivered it.
struct Seen {
  std::int64_t time_ns;
  std::uint32_t on_wire;
  std::uint16_t link_type;
  std::vector<std::uint8_t> octets;

  friend bool operator==(const Seen& a, const Seen& b) {
    return a.time_ns == b.time_ns && a.on_wire == b.on_wire && a.link_type == b.link_type && a.octets == b.octets;
  }
};

struct Reading {
  std::vector<Seen> frames;
  flowedge::ReadStatus status;
  std::string problem;
  std::uint64_t octets_read;

  /// Not octets_read: where reading stops early, the source may have been read further.
  friend bool operator==(const Reading& a, const Reading& b) {
    return a.frames == b.frames && a.status == b.status && a.problem == b.problem;
  }
};

inline Reading read_all(flowedge::ByteSource& source, std::size_t room = 16) {
  const auto reader = flowedge::make_capture_reader(source);
  std::vector<flowedge::Frame> frames(room);
  Reading reading{};
  for (;;) {
    const std::size_t count = reader->next(frames.data(), room);
    for (std::size_t i = 0; i < count; ++i) {
      const flowedge::Frame& frame = frames[i];
      reading.frames.push_back(
          {frame.time_ns, frame.on_wire, frame.link_type, {frame.data, frame.data + frame.captured}});
    }
    if (count == 0 && reader->status() != flowedge::ReadStatus::more) break;
  }
  reading.status = reader->status();
  reading.problem = reader->problem();
  reading.octets_read = reader->octets_read();
  return reading;
}

inline Reading read_all(const std::vector<std::uint8_t>& octets) {
  MemorySource source(octets);
  return read_all(source);
}
