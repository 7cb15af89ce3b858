#include "flowedge/live_capture.hpp"

#if FLOWEDGE_HAVE_LIBPCAP
#include <net/if.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "../capture/filter_libpcap.hpp"
#include "../capture/link_type.hpp"
#include "packet_socket.hpp"
#include "pcap_handle.hpp"
#include "socket_filter.hpp"
#endif

namespace flowedge {

#if FLOWEDGE_HAVE_LIBPCAP
namespace {

class Deadline {
 public:
  explicit Deadline(int milliseconds) : end_(Clock::now() + std::chrono::milliseconds(milliseconds)) {}
  /// Milliseconds, rounded up; 0 once it is over.
  int left() const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - Clock::now()).count();
    return left > 0 ? static_cast<int>(left) : 0;
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point end_;
};

/// libpcap's counters of 32 bits, gone on with in 64.
class WideCounters {
 public:
  void update(const pcap_stat& now) {
    since_.received += static_cast<std::uint32_t>(now.ps_recv - last_.ps_recv);
    since_.dropped += static_cast<std::uint32_t>(now.ps_drop - last_.ps_drop);
    since_.interface_dropped += static_cast<std::uint32_t>(now.ps_ifdrop - last_.ps_ifdrop);
    last_ = now;
  }
  void restart() { since_ = {}; }
  const LiveCounters& since() const { return since_; }

 private:
  pcap_stat last_{};
  LiveCounters since_;
};

bool is_stamped_by_host(const std::string& timestamp_type) {
  return timestamp_type.empty() || timestamp_type == "host" || timestamp_type == "host_lowprec" ||
         timestamp_type == "host_hiprec";
}

class PcapCapture final : public LiveCapture {
 public:
  PcapCapture(PcapHandle handle, const LiveOptions& options)
      : options_(options),
        handle_(std::move(handle)),
        socket_(pcap_get_selectable_fd(handle_.get())),
        link_type_(link_type_of(pcap_datalink(handle_.get()))),
        nanoseconds_in_tick_(pcap_get_tstamp_precision(handle_.get()) == PCAP_TSTAMP_PRECISION_NANO ? 1 : 1000) {}

  /// What open() does once there is a handle.
  LiveRefusal prepare() {
    if (socket_.interface() == PacketSocket::kNotASocket) return refuse(LiveRefusal::other, "it has no network frames");
    if (!compile_filter()) return LiveRefusal::bad_option;
    if (options_.fanout != kNoFanout && !join_fanout()) return LiveRefusal::other;
    return close_socket() && discard_and_reopen() ? LiveRefusal::none : LiveRefusal::other;
  }

  LiveStatus run(LiveFeed& feed, RecordBatch& out, int milliseconds) override {
    const Deadline deadline(milliseconds);
    for (;;) {
      feed.begin();
      if (!feed.process(out)) return LiveStatus::batch_full;
      const int room = static_cast<int>(feed.room());
      const int count = dispatch(feed, room);
      if (!feed.process(out)) return LiveStatus::batch_full;
      if (count < 0 && !awaits_last_frames()) return why_failed();
      const bool drained = count < room;
      if (drained && !feed.idle(out)) return LiveStatus::batch_full;
      const int left = deadline.left();
      if (left == 0) return is_over() ? LiveStatus::gone : LiveStatus::waited;
      if (drained) socket_.wait(left);
    }
  }

  void stop_receiving() override {
    stopped_ = true;
    close_socket();
  }

  void discard_waiting() override {
    close_socket();
    discard_and_reopen();
  }

  LiveCounters counters() override {
    pcap_stat now;
    if (pcap_stats(handle_.get(), &now) == 0) counters_.update(now);
    return counters_.since();
  }

  std::uint16_t link_type() const override { return link_type_; }
  bool stamped_by_host() const override { return is_stamped_by_host(options_.timestamp_type); }
  int fanout_group() const override { return fanout_group_; }
  const std::string& problem() const override { return problem_; }

 private:
  struct Delivery {
    PcapCapture& capture;
    LiveFeed& feed;
  };

  LiveRefusal refuse(LiveRefusal refusal, std::string problem) {
    problem_ = std::move(problem);
    return refusal;
  }

  bool compile_filter() {
    std::string problem;
    if (flowedge::compile_filter(handle_.get(), options_.filter, filter_, problem)) {
      if (make_socket_filter(filter_, link_type_, options_.direction, if_nametoindex("lo"))) return true;
      problem = "it looks at a link-layer header, and frames of this interface have none";
    }
    problem_ = "filter: " + problem;
    return false;
  }

  bool attach(const BpfProgram& program) {
    if (socket_.attach(program)) return true;
    problem_ = std::string("the kernel does not take the filter: ") + std::strerror(errno);
    return false;
  }

  bool join_fanout() {
    fanout_group_ = socket_.join_fanout(options_.fanout);
    if (fanout_group_ >= 0) return true;
    problem_ = std::string("it cannot be in that fanout group: ") + std::strerror(errno);
    return false;
  }

  bool close_socket() { return attach(make_closed_filter()); }

  /// Returns how many frames were delivered: fewer than `room` if no more wait; negative on an error.
  int dispatch(LiveFeed& feed, int room) {
    Delivery delivery{*this, feed};
    return pcap_dispatch(handle_.get(), room, deliver, reinterpret_cast<u_char*>(&delivery));
  }

  static void deliver(u_char* user, const pcap_pkthdr* header, const u_char* octets) {
    const Delivery& delivery = *reinterpret_cast<Delivery*>(user);
    PcapCapture& capture = delivery.capture;
    ++capture.delivered_;
    const std::int64_t time_ns = static_cast<std::int64_t>(header->ts.tv_sec) * 1'000'000'000 +
                                 header->ts.tv_usec * capture.nanoseconds_in_tick_;
    delivery.feed.take({octets, time_ns, header->caplen, header->len, capture.link_type_});
  }

  /// Gone is also an interface that has another name now: it was asked for by its name. What is gone does not come
  /// back to this socket.
  bool is_gone() {
    const int interface = socket_.interface();
    gone_ = gone_ || interface < 0 || (interface > 0 && socket_.index_of(options_.interface) != interface);
    return gone_;
  }

  /// Whether the interface is gone without an error to tell it, and all that came before has been taken.
  bool is_over() {
    if (stopped_ || !is_gone()) return false;
    close_socket();
    return !awaits_last_frames();
  }

  LiveStatus why_failed() {
    problem_ = pcap_geterr(handle_.get());
    return is_gone() ? LiveStatus::gone : LiveStatus::failed;
  }

  /// That the interface is gone shows before the block that the kernel was filling comes.
  bool awaits_last_frames() {
    constexpr int kAttempts = 5;
    return is_gone() && has_waiting() && awaited_++ < kAttempts;
  }

  /// Whether frames are in the kernel's buffer, also in the block that it is still filling.
  bool has_waiting() {
    const LiveCounters now = counters();
    return now.received > now.dropped + delivered_;
  }

  /// To be called while the kernel refuses frames. The block that it was filling comes when its time is over.
  bool discard_and_reopen() {
    const auto drop = [](u_char*, const pcap_pkthdr*, const u_char*) {};
    for (const Deadline deadline(3 * kGatherMilliseconds); has_waiting() && deadline.left() > 0;) {
      const int count = pcap_dispatch(handle_.get(), -1, drop, nullptr);
      if (count > 0) delivered_ += static_cast<unsigned>(count);
      if (count <= 0) socket_.wait(deadline.left());
    }
    counters_.restart();
    delivered_ = 0;
    return stopped_ || attach(filter_);
  }

  LiveOptions options_;
  PcapHandle handle_;
  PacketSocket socket_;
  std::uint16_t link_type_;
  std::int64_t nanoseconds_in_tick_;
  BpfProgram filter_;
  int fanout_group_ = -1;
  bool stopped_ = false;
  bool gone_ = false;
  int awaited_ = 0;
  std::uint64_t delivered_ = 0;
  WideCounters counters_;
  std::string problem_;
};

}  // namespace

std::unique_ptr<LiveCapture> LiveCapture::open(const LiveOptions& options, LiveRefusal& refusal, std::string& problem) {
  PcapHandle handle = open_pcap(options, refusal, problem);
  if (!handle) return nullptr;
  auto capture = std::make_unique<PcapCapture>(std::move(handle), options);
  refusal = capture->prepare();
  if (refusal == LiveRefusal::none) return capture;
  problem = capture->problem();
  return nullptr;
}
#else
std::unique_ptr<LiveCapture> LiveCapture::open(const LiveOptions&, LiveRefusal& refusal, std::string& problem) {
  refusal = LiveRefusal::unsupported;
  problem = "this build of flowedge has no libpcap";
  return nullptr;
}
#endif

}  // namespace flowedge
