#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "flowedge/frame.hpp"
#include "pcap_record.hpp"

namespace flowedge {

/// The frames of a block of packets as pcap records, until it is known which flows they belong to.
class RecordStage {
 public:
  /// A view of a record; of no octets if there is none.
  struct Record {
    const std::uint8_t* data;
    std::size_t size;
    std::uint16_t link_type;
  };

  explicit RecordStage(std::uint32_t snaplen) : snaplen_(snaplen) {}

  void add(std::size_t packet, const Frame& frame) {
    if (packet >= places_.size()) places_.resize(packet + 1);
    if (!has_pcap_time(frame)) return;
    const PcapRecordHeader header = make_pcap_record_header(frame, std::min(frame.captured, snaplen_));
    const std::size_t begin = octets_.size();
    append(&header, sizeof header);
    append(frame.data, header.captured);
    places_[packet] = {begin, octets_.size() - begin, frame.link_type};
  }

  Record record(std::size_t packet) const {
    if (packet >= places_.size()) return {};
    const Place& place = places_[packet];
    return {octets_.data() + place.begin, place.size, place.link_type};
  }

  void clear() {
    places_.clear();
    octets_.clear();
    if (octets_.capacity() > kUsual) std::vector<std::uint8_t>().swap(octets_);
  }

 private:
  static constexpr std::size_t kUsual = std::size_t{4} << 20;  ///< more than a block of 64-kB frames takes

  struct Place {
    std::size_t begin;
    std::size_t size;
    std::uint16_t link_type;
  };

  void append(const void* octets, std::size_t size) {
    const auto* from = static_cast<const std::uint8_t*>(octets);
    octets_.insert(octets_.end(), from, from + size);
  }

  std::uint32_t snaplen_;
  std::vector<std::uint8_t> octets_;
  std::vector<Place> places_;
};

}  // namespace flowedge
