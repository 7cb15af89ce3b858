#include "flowedge/flow_saver.hpp"

#include <algorithm>
#include <system_error>
#include <vector>

#include "flow_file_name.hpp"
#include "flowedge/flow_lists.hpp"
#include "flowedge/slab.hpp"
#include "octet_chains.hpp"
#include "part_folder.hpp"
#include "pcap_record.hpp"
#include "record_stage.hpp"

namespace flowedge {
namespace {

/// A flow's file to be. Plain data; all zero before the flow's first packet.
struct FlowFile {
  OctetChains::Chain pending;  ///< what is not on the disk; always ends where a record ends
  PartFolder::Part part;       ///< what is
  std::uint64_t octets;        ///< of both
  std::uint64_t packets;       ///< of both
  std::uint16_t link_type;
  bool closed_to_more;  ///< has its share, or could not be written: what comes now is not saved
};

class PcapFlowSaver final : public FlowSaver {
 public:
  explicit PcapFlowSaver(const SaverOptions& options)
      : snaplen_(std::min(options.snaplen, kMaxPcapSnaplen)),
        flow_octets_(options.flow_octets),
        stage_(snaplen_),
        pending_(std::max(options.memory, sizeof(PcapFileHeader) + sizeof(PcapRecordHeader) + snaplen_)),
        oldest_first_(links_),
        folder_(options.folder) {
    note(folder_.remove_stale());
  }

  ~PcapFlowSaver() override {
    for (std::uint32_t number = 0; number < files_.capacity(); ++number) folder_.remove(files_[number].part);
  }

  PcapFlowSaver(const PcapFlowSaver&) = delete;
  PcapFlowSaver& operator=(const PcapFlowSaver&) = delete;

  void stage(std::size_t packet, const Frame& frame) override { stage_.add(packet, frame); }
  void clear_stage() override { stage_.clear(); }

  void reached(std::uint32_t flow, std::size_t packet) override {
    while (flow >= files_.capacity()) grow();
    if (!save(flow, stage_.record(packet))) ++counters_.unsaved;
  }

  void closed(std::uint32_t flow, const FlowRecord& record) override {
    if (flow >= files_.capacity()) return;
    if (files_[flow].packets > 0) complete(flow, record);
    files_[flow] = {};
  }

  void discarded(std::uint32_t flow) override {
    if (flow >= files_.capacity()) return;
    give_up(flow);
    files_[flow] = {};
  }

  const SaverCounters& counters() const override { return counters_; }
  const std::string& problem() const override { return problem_; }

 private:
  void grow() {
    links_.grow();
    files_.grow();
  }

  /// False if the packet cannot be saved.
  bool save(std::uint32_t flow, const RecordStage::Record& record) {
    if (!accepts(files_[flow], record)) return false;
    make_room(files_[flow], record);
    if (files_[flow].closed_to_more) return false;
    append(flow, record);
    return true;
  }

  bool accepts(FlowFile& file, const RecordStage::Record& record) const {
    if (file.closed_to_more || record.size == 0) return false;
    if (file.packets > 0 && file.link_type != record.link_type) return false;
    file.closed_to_more = file.octets + added_octets(file, record) > flow_octets_;  // rather an end than a gap
    return !file.closed_to_more;
  }

  static std::size_t added_octets(const FlowFile& file, const RecordStage::Record& record) {
    return record.size + (file.packets == 0 ? sizeof(PcapFileHeader) : 0);
  }

  /// Writes out as few flows as will do: no packet has to wait for long.
  void make_room(const FlowFile& file, const RecordStage::Record& record) {
    while (!pending_.has_room(file.pending, added_octets(file, record))) {
      const std::uint32_t oldest = oldest_first_.oldest();
      if (!write_pending(oldest)) give_up(oldest);
    }
  }

  void append(std::uint32_t flow, const RecordStage::Record& record) {
    FlowFile& file = files_[flow];
    if (file.pending.size == 0) oldest_first_.push(flow);
    file.octets += added_octets(file, record);
    if (file.packets++ == 0) begin(file, record.link_type);
    pending_.append(file.pending, record.data, record.size);
  }

  void begin(FlowFile& file, std::uint16_t link_type) {
    file.link_type = link_type;
    PcapFileHeader header;
    header.snaplen = snaplen_;
    header.link_type = link_type;
    pending_.append(file.pending, &header, sizeof header);
  }

  bool write_pending(std::uint32_t flow) {
    FlowFile& file = files_[flow];
    if (file.pending.size == 0) return true;
    pending_.locate(file.pending, pieces_);
    const int error = folder_.append(file.part, file.octets - file.pending.size, pieces_);
    drop_pending(flow);
    return note(error);
  }

  void drop_pending(std::uint32_t flow) {
    FlowFile& file = files_[flow];
    if (file.pending.size > 0) oldest_first_.remove(flow);
    pending_.clear(file.pending);
  }

  void complete(std::uint32_t flow, const FlowRecord& record) {
    const FlowFile& file = files_[flow];
    if (!write_pending(flow) || !note(folder_.complete(file.part, flow_file_stem(record)))) {
      give_up(flow);
      return;
    }
    ++counters_.files;
    counters_.octets += file.octets;
    counters_.packets += file.packets;
  }

  /// Half a file is none: a flow that cannot be written as a whole is not saved at all.
  void give_up(std::uint32_t flow) {
    FlowFile& file = files_[flow];
    drop_pending(flow);
    folder_.remove(file.part);
    counters_.unsaved += file.packets;
    file = {};
    file.closed_to_more = true;
  }

  /// Keeps what went wrong, if something did.
  bool note(int error) {
    if (error != 0) problem_ = std::generic_category().message(error);
    return error == 0;
  }

  std::uint32_t snaplen_;
  std::uint64_t flow_octets_;
  RecordStage stage_;
  OctetChains pending_;
  Slab<FlowFile> files_;  ///< by flow number
  Slab<FlowLinks> links_;
  FlowQueue oldest_first_;     ///< flows with pending octets
  std::vector<iovec> pieces_;  ///< of the flow that is being written
  PartFolder folder_;
  SaverCounters counters_;
  std::string problem_;
};

}  // namespace

std::unique_ptr<FlowSaver> FlowSaver::make(const SaverOptions& options) {
  return std::make_unique<PcapFlowSaver>(options);
}

}  // namespace flowedge
