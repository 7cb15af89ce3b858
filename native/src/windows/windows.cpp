#include "flowedge/windows.hpp"

#include <algorithm>
#include <deque>
#include <limits>
#include <map>
#include <utility>

#include "edge_sums.hpp"
#include "flow_edges.hpp"

namespace flowedge {
namespace {

std::int64_t floor_divide(std::int64_t dividend, std::int64_t divisor) {
  return dividend / divisor - (dividend % divisor < 0 ? 1 : 0);
}

/// Edges has add(record), full(), octets() and take(piece).
template <class Edges>
class WindowsOf final : public Windows {
 public:
  explicit WindowsOf(const WindowOptions& options) : options_(options) {}

  void add(const FlowRecord* records, std::size_t count) override {
    for (std::size_t i = 0; i < count; ++i) add(records[i]);
  }

  void settle(std::int64_t time_ns) override {
    const std::int64_t passed = std::min(time_ns, std::numeric_limits<std::int64_t>::max() - 1) + 1;
    const std::int64_t present = floor_divide(passed, options_.window_ns);
    begin_at(present);
    ended_ = std::max(ended_, present);
  }

  void finish() override {
    if (!open_.empty()) end_all_before(open_.rbegin()->first + 1);
  }

  bool next(EdgePiece& piece) override {
    if (octets_ > options_.memory) relieve();
    if (!begun_) return false;
    skip_long_run();
    if (oldest_ >= ended_) return take_full(piece);
    if (!take_full(piece)) take_last(piece);
    return true;
  }

  std::uint64_t late() const override { return late_; }

 private:
  struct FullPiece {
    EdgePiece piece;
    std::size_t octets;
  };
  struct Window {
    explicit Window(const WindowOptions& options) : edges(options) {}
    std::deque<FullPiece> full;
    Edges edges;
    std::size_t octets = 0;  ///< of `edges`, when they were last looked at
  };

  void add(const FlowRecord& record) {
    const std::int64_t time = options_.by_start ? record.first_ns : record.closed_ns;
    Window& window = window_of(floor_divide(time, options_.window_ns));
    window.edges.add(record);
    note_octets(window);
    if (!window.edges.full()) return;
    window.full.emplace_back();
    window.full.back().octets = std::exchange(window.octets, 0);
    window.edges.take(window.full.back().piece);
    note_octets(window);
  }

  Window& window_of(std::int64_t number) {
    if (begun_ && number < ended_) {
      ++late_;
      number = ended_;
    }
    if (latest_ == nullptr || latest_number_ != number) {
      latest_ = &open_.try_emplace(number, options_).first->second;
      latest_number_ = number;
    }
    return *latest_;
  }

  void note_octets(Window& window) {
    const std::size_t octets = window.edges.octets();
    octets_ += octets - window.octets;
    window.octets = octets;
  }

  /// What came before anything was settled may be older than that.
  void begin_at(std::int64_t number) {
    if (begun_) return;
    begun_ = true;
    oldest_ = ended_ = open_.empty() ? number : std::min(number, open_.begin()->first);
  }

  void end_all_before(std::int64_t number) {
    begin_at(number);
    ended_ = std::max(ended_, number);
  }

  /// Too much is held: the oldest window with flows ends before its time, but never the newest. Full pieces of that
  /// one are not held.
  void relieve() {
    const std::int64_t oldest = open_.begin()->first;
    end_all_before(open_.size() > 1 ? oldest + 1 : oldest);
  }

  void skip_long_run() {
    const std::int64_t first = open_.empty() ? ended_ : std::min(ended_, open_.begin()->first);
    if (first - oldest_ > kLongestRun) oldest_ = first;
  }

  bool take_full(EdgePiece& piece) {
    const auto found = open_.find(oldest_);
    if (found == open_.end() || found->second.full.empty()) return false;
    FullPiece& full = found->second.full.front();
    octets_ -= full.octets;
    piece = std::move(full.piece);
    piece.window = oldest_;
    piece.last = false;
    found->second.full.pop_front();
    return true;
  }

  void take_last(EdgePiece& piece) {
    const auto found = open_.find(oldest_);
    if (found == open_.end()) {
      Edges(options_).take(piece);
    } else {
      found->second.edges.take(piece);
      octets_ -= found->second.octets;
      open_.erase(found);
      latest_ = nullptr;
    }
    piece.window = oldest_++;
    piece.last = true;
  }

  WindowOptions options_;
  std::map<std::int64_t, Window> open_;
  Window* latest_ = nullptr;  ///< the one that the last flow belongs to
  std::int64_t latest_number_ = 0;
  bool begun_ = false;
  std::int64_t oldest_ = 0;  ///< first window whose last piece was not given out
  std::int64_t ended_ = 0;   ///< first window that has not ended
  std::size_t octets_ = 0;   ///< of all that is held
  std::uint64_t late_ = 0;
};

}  // namespace

std::unique_ptr<Windows> Windows::make(const WindowOptions& options) {
  if (options.kind == EdgeKind::flow) return std::make_unique<WindowsOf<FlowEdges>>(options);
  return std::make_unique<WindowsOf<EdgeSums>>(options);
}

}  // namespace flowedge
