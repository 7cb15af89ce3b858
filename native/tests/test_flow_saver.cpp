#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <utility>

#include "../src/live/flow_file_name.hpp"
#include "check.hpp"
#include "engine_run.hpp"
#include "flow_frames.hpp"
#include "flowedge/flow_saver.hpp"
#include "flowedge/live_feed.hpp"
#include "memory_source.hpp"
#include "page_edge.hpp"

namespace fs = std::filesystem;
using flowedge::FlowRecord;
using flowedge::FlowSaver;
using flowedge::Frame;
using flowedge::Mode;
using flowedge::SaverOptions;
using frames::kSecond;
using frames::Octets;

namespace {

constexpr std::int64_t kStart = 1'600'000'000'123'456'789;
constexpr std::size_t kFileHeader = 24, kRecordHeader = 16;

/// A folder of the test's own.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "flow_saver.XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const fs::path& path() const { return path_; }

  std::vector<std::string> names(bool hidden) const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(path_)) {
      const std::string name = entry.path().filename().string();
      if ((name[0] == '.') == hidden) names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  std::size_t parts() const { return names(true).size(); }
  std::size_t files() const { return names(false).size(); }

  std::uint64_t octets() const {
    std::uint64_t sum = 0;
    for (const auto& entry : fs::directory_iterator(path_)) sum += entry.file_size();
    return sum;
  }

  void write(const std::string& name, const std::string& text) const { std::ofstream(path_ / name) << text; }

  Reading read(const std::string& name) const {
    std::ifstream file(path_ / name, std::ios::binary);
    CHECK(file.good());
    return read_all(std::vector<std::uint8_t>(std::istreambuf_iterator<char>(file), {}));
  }

  /// What is in the only file.
  Reading read() const {
    CHECK_EQ(files(), 1U);
    return read(names(false)[0]);
  }

 private:
  fs::path path_;
};

SaverOptions options_for(const Folder& folder) {
  SaverOptions options;
  options.folder = folder.path().string();
  return options;
}

Octets numbered(std::size_t size, std::size_t number) {
  Octets octets(size);
  for (std::size_t i = 0; i < size; ++i) octets[i] = static_cast<std::uint8_t>(i * 7 + number * 13);
  return octets;
}

Frame frame_of(const Octets& octets, std::int64_t time_ns = kStart) {
  const auto size = static_cast<std::uint32_t>(octets.size());
  return {octets.data(), time_ns, size, size, 1};
}

FlowRecord record_of(std::uint16_t src_port, std::int64_t first_ns = kStart) {
  constexpr std::uint8_t kSource[] = {10, 0, 0, 1}, kDestination[] = {192, 168, 0, 2};
  FlowRecord record{};
  record.src_ip = flowedge::Address::v4(kSource);
  record.dst_ip = flowedge::Address::v4(kDestination);
  record.src_port = src_port;
  record.dst_port = 443;
  record.protocol = 6;
  record.ip_version = 4;
  record.first_ns = first_ns;
  return record;
}

/// Of the flow of record_of().
std::string file_name(std::uint32_t src_port, const std::string& suffix = "") {
  return "10.0.0.1-" + std::to_string(src_port) + "-192.168.0.2-443-6-1600000000123456" + suffix + ".pcap";
}

void check_octets(const Reading& reading, const std::vector<Octets>& expected) {
  CHECK(reading.status == flowedge::ReadStatus::end);
  CHECK_EQ(reading.frames.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(reading.frames[i].octets == expected[i]);
}

/// One packet of a flow, in a block of its own.
void send(FlowSaver& saver, std::uint32_t flow, const Frame& frame) {
  saver.stage(0, frame);
  saver.reached(flow, 0);
  saver.clear_stage();
}

void send(FlowSaver& saver, std::uint32_t flow, const Octets& octets, std::int64_t time_ns = kStart) {
  send(saver, flow, frame_of(octets, time_ns));
}

void check_counters(const FlowSaver& saver, std::uint64_t files, std::uint64_t packets, std::uint64_t unsaved) {
  CHECK_EQ(saver.counters().files, files);
  CHECK_EQ(saver.counters().packets, packets);
  CHECK_EQ(saver.counters().unsaved, unsaved);
}

/// The soft limit of a resource, while this lives.
class Limit {
 public:
  Limit(int resource, rlim_t value) : resource_(resource) {
    if (getrlimit(resource_, &before_) != 0) std::abort();
    const rlimit lower{value, before_.rlim_max};
    if (setrlimit(resource_, &lower) != 0) std::abort();
  }
  ~Limit() { setrlimit(resource_, &before_); }
  Limit(const Limit&) = delete;
  Limit& operator=(const Limit&) = delete;

 private:
  int resource_;
  rlimit before_{};
};

/// The number of a process that has ended.
pid_t dead_process() {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  waitpid(child, nullptr, 0);
  return child;
}

/// Several hundred short connections at once, some of them one after the other between the same ends.
frames::Trace random_connections() {
  frames::Trace trace;
  std::minstd_rand random(7);
  for (std::int64_t i = 0; i < 5000; ++i) {
    const frames::Endpoint client{0x0a000001, static_cast<std::uint16_t>(1024 + random() % 300)};
    const std::uint8_t flags = random() % 8 == 0 ? 0x11 : random() % 8 == 0 ? 0x02 : 0x18;
    const bool back = random() % 2 == 0;
    const Octets octets = back ? frames::tcp_frame(frames::kServer, client, flags, random() % 100)
                               : frames::tcp_frame(client, frames::kServer, flags, random() % 100);
    trace.push_back({kStart + i * 17 * frames::kMillisecond, octets});
  }
  return trace;
}

/// Takes the trace through a feed as packets on a link are; the records of all flows.
std::vector<FlowRecord> run_saved(flowedge::Engine& engine, FlowSaver& saver, const frames::Trace& trace) {
  const flowedge::HostClock clock = [] { return flowedge::HostTime{0, 0}; };
  flowedge::LiveFeed feed(engine, flowedge::SteadyTime(clock, false), &saver);
  std::vector<FlowRecord> records;
  const auto repeat = [&](auto call) {
    for (bool done = false; !done;) {
      flowedge::RecordBatch out(3);
      done = call(out);
      records.insert(records.end(), out.data(), out.data() + out.size());
    }
  };
  feed.begin();
  for (const frames::TimedFrame& frame : trace) {
    if (feed.room() == 0) repeat([&](flowedge::RecordBatch& out) { return feed.process(out); });
    feed.take(view(frame));
  }
  repeat([&](flowedge::RecordBatch& out) { return feed.process(out); });
  repeat([&](flowedge::RecordBatch& out) { return engine.flush(out); });
  return records;
}

/// Whether a frame of random_connections() is between the ends of a flow.
bool is_of(const FlowRecord& record, const Octets& octets) {
  const auto port = [&](std::size_t at) { return octets.at(at) << 8 | octets.at(at + 1); };
  return (port(34) == record.src_port && port(36) == record.dst_port) ||
         (port(34) == record.dst_port && port(36) == record.src_port);
}

/// From now on this process is on a file system that cannot rename without replacing (as NFS). False where seccomp is
/// not to be had.
bool refuse_renameat2() {
  sock_filter steps[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                         BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat2, 0, 1),
                         BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
                         BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog program{4, steps};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace

TEST(frames_come_back_as_they_were) {
  const Folder folder;
  const auto saver = FlowSaver::make(options_for(folder));
  const Octets octets[] = {numbered(60, 1), numbered(0, 2), numbered(1514, 3), numbered(1, 4)};
  std::vector<Seen> expected;
  for (std::size_t i = 0; i < 4; ++i) {
    const PageEdge edge(octets[i]);
    const auto size = static_cast<std::uint32_t>(octets[i].size());
    const std::int64_t time = kStart + static_cast<std::int64_t>(i) * kSecond - 7;
    send(*saver, 5, Frame{edge.data(), time, size, size + 9000, 113});
    expected.push_back({time, size + 9000, 113, octets[i]});
  }
  CHECK_EQ(folder.files(), 0U);
  saver->closed(5, record_of(40000));
  const Reading reading = folder.read();
  CHECK(reading.status == flowedge::ReadStatus::end);
  CHECK(reading.frames == expected);
  check_counters(*saver, 1, 4, 0);
  CHECK_EQ(saver->counters().octets, reading.octets_read);
  CHECK_EQ(saver->problem(), std::string());
  CHECK_EQ(folder.names(false)[0], std::string("10.0.0.1-40000-192.168.0.2-443-6-1600000000123456.pcap"));
  CHECK_EQ(folder.names(false)[0], file_name(40000));
}

TEST(files_are_not_for_everybody) {
  const Folder folder;
  const auto saver = FlowSaver::make(options_for(folder));
  send(*saver, 0, numbered(60, 0));
  saver->closed(0, record_of(1));
  CHECK((fs::status(folder.path() / folder.names(false)[0]).permissions() & fs::perms::others_all) == fs::perms::none);
}

TEST(names_of_ipv6_flows) {
  FlowRecord record = record_of(1, 999);
  record.ip_version = 6;
  record.protocol = 17;
  record.src_ip = {{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
  CHECK_EQ(flowedge::flow_file_stem(record), std::string("2001_db8__1-1-__ffff_192.168.0.2-443-17-0"));
  record.src_ip.octets.fill(0xab);
  record.dst_ip.octets.fill(0xcd);
  const std::string stem = flowedge::flow_file_stem(record);
  CHECK_EQ(stem.substr(0, 41), std::string("abab_abab_abab_abab_abab_abab_abab_abab-1"));
  CHECK_EQ(stem.find_first_not_of("0123456789abcdef_-."), std::string::npos);
}

TEST(names_of_parts_are_recognised_and_no_others) {
  const std::string name = flowedge::part_name({4711, 3}, 12345678901234567890U);
  CHECK_EQ(name, std::string(".flowedge-4711-3-12345678901234567890.part"));
  const auto owner = flowedge::owner_of_part(name);
  CHECK(owner && owner->process == 4711 && owner->saver == 3);
  for (std::size_t size = 0; size < name.size(); ++size) CHECK(!flowedge::owner_of_part(name.substr(0, size)));
  for (const char* other :
       {".flowedge-1-1-1.partx", "flowedge-1-1-1.part", ".flowedge--1-1-1.part", ".flowedge-1-1.part",
        ".flowedge-0-1-1.part", ".flowedge-99999999999-1-1.part", ".flowedge-1-01-1.part"}) {
    CHECK(!flowedge::owner_of_part(other));
  }
}

TEST(packets_of_a_block_find_their_frames) {
  const Folder folder;
  const auto saver = FlowSaver::make(options_for(folder));
  for (std::size_t packet : {0U, 1U, 3U}) saver->stage(packet, frame_of(numbered(60, packet)));
  saver->reached(1, 3);
  saver->reached(0, 0);
  saver->reached(1, 1);
  saver->reached(1, 2);  // never staged
  saver->reached(1, 9);
  saver->clear_stage();
  saver->reached(1, 1);  // of a block that is gone
  saver->closed(1, record_of(1));
  check_octets(folder.read(), {numbered(60, 3), numbered(60, 1)});
  check_counters(*saver, 1, 2, 3);
}

TEST(a_number_is_another_flows_after_the_end) {
  const Folder folder;
  const auto saver = FlowSaver::make(options_for(folder));
  for (std::uint16_t port = 1; port <= 3; ++port) {
    for (std::size_t i = 0; i < port; ++i) send(*saver, 7, numbered(60, port));
    saver->closed(7, record_of(port));
  }
  saver->closed(7, record_of(4));  // without a packet, as when saving began while it was open
  saver->closed(70000, record_of(4));
  saver->discarded(70000);
  CHECK_EQ(folder.files(), 3U);
  for (std::uint16_t port = 1; port <= 3; ++port) {
    check_octets(folder.read(file_name(port)), std::vector<Octets>(port, numbered(60, port)));
  }
  check_counters(*saver, 3, 6, 0);
}

TEST(files_of_the_same_name_stay_apart) {
  const Folder folder;
  const auto saver = FlowSaver::make(options_for(folder));
  folder.write(file_name(1), "somebody's");
  fs::create_directory(folder.path() / file_name(1, "-2"));
  for (std::size_t i = 3; i < 6; ++i) {
    send(*saver, 0, numbered(60, i));
    saver->closed(0, record_of(1));
    check_octets(folder.read(file_name(1, "-" + std::to_string(i))), {numbered(60, i)});
  }
  CHECK_EQ(fs::file_size(folder.path() / file_name(1)), 10U);
  CHECK_EQ(folder.parts(), 0U);
}

TEST(without_renameat2_too) {
  const Folder folder;
  const pid_t child = fork();
  if (child == 0) {
    if (!refuse_renameat2()) _exit(2);
    const auto saver = FlowSaver::make(options_for(folder));
    for (std::size_t i = 1; i < 4; ++i) {
      send(*saver, 0, numbered(60, i));
      saver->closed(0, record_of(1));
    }
    _exit(saver->counters().files == 3 && saver->problem().empty() ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WEXITSTATUS(status) == 2) {
    std::puts("    skipped: no seccomp filters here");
    return;
  }
  CHECK_EQ(status, 0);
  check_octets(folder.read(file_name(1)), {numbered(60, 1)});
  check_octets(folder.read(file_name(1, "-3")), {numbered(60, 3)});
  CHECK_EQ(folder.files() + folder.parts(), 3U);
}

TEST(the_thousandth_namesake_is_the_last) {
  const Folder folder;
  const auto saver = FlowSaver::make(options_for(folder));
  for (std::size_t i = 0; i < 1001; ++i) {
    send(*saver, 0, numbered(60, i));
    saver->closed(0, record_of(1));
  }
  check_counters(*saver, 1000, 1000, 1);
  CHECK_EQ(folder.files(), 1000U);
  CHECK_EQ(folder.parts(), 0U);
  CHECK_EQ(saver->problem(), std::string("File exists"));
}

TEST(memory_is_bounded_with_many_flows) {
  constexpr std::uint32_t kFlows = 10'000;
  constexpr std::size_t kRounds = 12, kSize = 60;
  const Folder folder;
  SaverOptions options = options_for(folder);
  options.memory = 1 << 20;
  options.snaplen = kSize;
  const auto saver = FlowSaver::make(options);
  for (std::size_t round = 0; round < kRounds; ++round) {
    for (std::uint32_t flow = 0; flow < kFlows; ++flow) {
      send(*saver, flow, numbered(kSize, flow + round), kStart + static_cast<std::int64_t>(round));
    }
    const std::uint64_t reached = kFlows * (kFileHeader + (round + 1) * (kRecordHeader + kSize));
    CHECK(folder.octets() + options.memory + options.memory / 50 >= reached);  // no more than that is held
  }
  for (std::uint32_t flow = 0; flow < kFlows; ++flow) saver->closed(flow, record_of(static_cast<std::uint16_t>(flow)));
  check_counters(*saver, kFlows, kFlows * kRounds, 0);
  CHECK_EQ(folder.parts(), 0U);
  for (const std::uint32_t flow : {0U, 1U, 4711U, kFlows - 1}) {
    std::vector<Octets> sent;
    for (std::size_t round = 0; round < kRounds; ++round) sent.push_back(numbered(kSize, flow + round));
    check_octets(folder.read(file_name(flow)), sent);
  }
}

TEST(frames_of_all_sizes_through_little_memory) {
  const Folder folder;
  SaverOptions options = options_for(folder);
  options.memory = 0;
  options.snaplen = 3000;
  const auto saver = FlowSaver::make(options);
  std::map<std::uint32_t, std::vector<Octets>> open;
  std::minstd_rand random(1);
  std::uint16_t files = 0;
  std::uint64_t saved = 0, discarded = 0;
  const auto end = [&](std::uint32_t flow) {
    const std::vector<Octets> sent = std::exchange(open[flow], {});
    saver->closed(flow, record_of(++files));
    check_octets(folder.read(file_name(files)), sent);
    saved += sent.size();
  };
  for (std::size_t i = 0; i < 3000; ++i) {
    const auto flow = static_cast<std::uint32_t>(random() % 6);
    const std::size_t size = random() % 4 == 0 ? random() % 3001 : random() % 520;
    open[flow].push_back(numbered(size, i));
    send(*saver, flow, open[flow].back());
    if (random() % 20 == 0) end(flow);
    if (open[flow].size() > 30) {
      saver->discarded(flow);
      discarded += std::exchange(open[flow], {}).size();
    }
  }
  for (std::uint32_t flow = 0; flow < 6; ++flow) {
    if (!open[flow].empty()) end(flow);
  }
  CHECK(discarded > 0);
  check_counters(*saver, files, saved, discarded);
  CHECK_EQ(folder.files(), files);
  CHECK_EQ(folder.parts(), 0U);
}

TEST(the_flow_that_waits_longest_is_written_first) {
  const Folder folder;
  SaverOptions options = options_for(folder);
  options.snaplen = 400;  // one at most has to go for such a frame
  options.memory = 5000;
  const auto saver = FlowSaver::make(options);
  const auto part_sizes = [&] {
    std::vector<std::uint64_t> sizes;
    for (const std::string& name : folder.names(true)) sizes.push_back(fs::file_size(folder.path() / name));
    return sizes;
  };
  send(*saver, 0, numbered(50, 0));
  send(*saver, 1, numbered(200, 0));
  send(*saver, 0, numbered(50, 1));  // its first one waits longer still
  while (folder.parts() == 0) send(*saver, 2, numbered(400, 0));
  CHECK(part_sizes() == std::vector<std::uint64_t>{kFileHeader + 2 * (kRecordHeader + 50)});
  while (folder.parts() == 1) send(*saver, 0, numbered(400, 0));
  CHECK_EQ(part_sizes()[1], kFileHeader + kRecordHeader + 200);
}

TEST(one_descriptor_at_a_time_and_none_in_between) {
  const auto open_descriptors = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  };
  const Folder folder;
  SaverOptions options = options_for(folder);
  options.memory = 0;
  options.snaplen = 60;
  const auto before = open_descriptors();
  const auto saver = FlowSaver::make(options);
  const int free_descriptor = ::dup(0);
  ::close(free_descriptor);
  {
    const Limit limit(RLIMIT_NOFILE, static_cast<rlim_t>(free_descriptor) + 1);
    for (std::size_t i = 0; i < 100; ++i) send(*saver, i % 10, numbered(60, i));
  }
  CHECK(folder.parts() >= 9);
  CHECK_EQ(saver->problem(), std::string());
  CHECK_EQ(open_descriptors(), before);
}

TEST(a_file_has_its_share) {
  const Folder folder;
  SaverOptions options = options_for(folder);
  options.flow_octets = kFileHeader + 3 * (kRecordHeader + 60);
  const auto saver = FlowSaver::make(options);
  for (std::size_t i = 0; i < 3; ++i) send(*saver, 0, numbered(60, i));
  send(*saver, 1, numbered(60, 0));
  for (std::size_t i = 3; i < 5; ++i) send(*saver, 0, numbered(60, i));
  saver->closed(0, record_of(1));
  CHECK_EQ(folder.read().frames.size(), 3U);
  check_counters(*saver, 1, 3, 2);
}

TEST(a_file_ends_where_its_share_does) {
  const Folder folder;
  SaverOptions options = options_for(folder);
  options.flow_octets = 200;
  const auto saver = FlowSaver::make(options);
  for (const std::size_t size : {60U, 600U, 1U}) send(*saver, 0, numbered(size, 0));
  saver->closed(0, record_of(1));
  CHECK_EQ(folder.read().frames.size(), 1U);
  check_counters(*saver, 1, 1, 2);
}

TEST(no_file_without_a_packet) {
  const Folder folder;
  SaverOptions options = options_for(folder);
  options.flow_octets = 50;
  const auto saver = FlowSaver::make(options);
  send(*saver, 0, numbered(60, 0));
  saver->closed(0, record_of(1));
  check_counters(*saver, 0, 0, 1);
  CHECK_EQ(folder.files() + folder.parts(), 0U);
}

TEST(frames_are_cut_at_the_snaplen) {
  const Folder folder;
  SaverOptions options = options_for(folder);
  options.snaplen = 96;
  const auto saver = FlowSaver::make(options);
  send(*saver, 0, numbered(97, 0));
  saver->closed(0, record_of(1));
  const Reading reading = folder.read();
  const std::vector<Seen> expected{{kStart, 97, 1, frames::first(96, numbered(97, 0))}};
  CHECK(reading.frames == expected);
}

TEST(no_record_is_longer_than_readers_take) {
  const Folder folder;
  SaverOptions options = options_for(folder);
  options.snaplen = UINT32_MAX;
  const auto saver = FlowSaver::make(options);
  send(*saver, 0, numbered(300'000, 0));
  saver->closed(0, record_of(1));
  CHECK_EQ(folder.read().frames.at(0).octets.size(), 262144U);
}

TEST(times_that_pcap_has_no_room_for) {
  constexpr std::int64_t kLast = 4'294'967'295 * kSecond + 999'999'999;
  const Folder folder;
  const auto saver = FlowSaver::make(options_for(folder));
  for (const std::int64_t time : {flowedge::kNoTime, std::int64_t{-1}, std::int64_t{0}, kLast, kLast + 1}) {
    send(*saver, 0, numbered(60, 0), time);
  }
  saver->closed(0, record_of(1));
  const Reading reading = folder.read();
  CHECK_EQ(reading.frames.size(), 2U);
  CHECK_EQ(reading.frames[0].time_ns, 0);
  CHECK_EQ(reading.frames[1].time_ns, kLast);
  check_counters(*saver, 1, 2, 3);
}

TEST(one_link_type_a_file) {
  const Folder folder;
  const auto saver = FlowSaver::make(options_for(folder));
  const Octets octets = numbered(60, 0);
  for (const std::uint16_t link_type : {101, 1, 101}) send(*saver, 0, Frame{octets.data(), kStart, 60, 60, link_type});
  saver->closed(0, record_of(1));
  const Reading reading = folder.read();
  CHECK_EQ(reading.frames.size(), 2U);
  CHECK_EQ(reading.frames[0].link_type, 101);
  check_counters(*saver, 1, 2, 1);
}

TEST(discarded_flows_leave_nothing) {
  const Folder folder;
  SaverOptions options = options_for(folder);
  options.memory = 0;
  options.snaplen = 60;
  const auto saver = FlowSaver::make(options);
  for (std::size_t i = 0; i < 10; ++i) send(*saver, 0, numbered(60, i));
  CHECK_EQ(folder.parts(), 1U);
  saver->discarded(0);
  CHECK_EQ(folder.parts(), 0U);
  check_counters(*saver, 0, 0, 10);
  send(*saver, 0, numbered(60, 0));
  saver->closed(0, record_of(1));
  check_counters(*saver, 1, 1, 10);
  CHECK_EQ(saver->problem(), std::string());
}

TEST(a_full_disk_costs_whole_flows) {
  signal(SIGXFSZ, SIG_IGN);
  const Folder folder;
  SaverOptions options = options_for(folder);
  options.memory = 0;
  options.snaplen = 1000;
  const auto saver = FlowSaver::make(options);
  {
    const Limit limit(RLIMIT_FSIZE, 3000);  // reached within a record
    for (std::size_t i = 0; i < 20; ++i) {
      send(*saver, 0, numbered(1000, i));
      if (i % 10 == 0) send(*saver, 1, numbered(60, i));
    }
  }
  CHECK_EQ(saver->problem(), std::string("File too large"));
  send(*saver, 0, numbered(1000, 20));
  saver->closed(0, record_of(1));
  saver->closed(1, record_of(2));
  check_counters(*saver, 1, 2, 21);
  CHECK_EQ(folder.read().frames.size(), 2U);
  CHECK_EQ(folder.parts(), 0U);
}

TEST(a_disk_that_is_full_at_the_end_costs_the_flow) {
  signal(SIGXFSZ, SIG_IGN);
  const Folder folder;
  const auto saver = FlowSaver::make(options_for(folder));
  for (std::size_t i = 0; i < 20; ++i) send(*saver, 0, numbered(1000, i));
  {
    const Limit limit(RLIMIT_FSIZE, 10'000);
    saver->closed(0, record_of(1));
  }
  check_counters(*saver, 0, 0, 20);
  CHECK_EQ(folder.files() + folder.parts(), 0U);
}

TEST(a_folder_that_goes_and_comes_back) {
  const Folder folder;
  SaverOptions options = options_for(folder);
  options.memory = 0;
  options.snaplen = 60;
  const auto saver = FlowSaver::make(options);
  for (std::size_t i = 0; i < 10; ++i) send(*saver, 0, numbered(60, i));
  fs::remove_all(folder.path());
  for (std::size_t i = 0; i < 10; ++i) send(*saver, 0, numbered(60, i));
  saver->closed(0, record_of(1));
  CHECK_EQ(saver->problem(), std::string("No such file or directory"));
  check_counters(*saver, 0, 0, 20);
  fs::create_directory(folder.path());
  for (std::size_t i = 0; i < 10; ++i) send(*saver, 0, numbered(60, i));
  saver->closed(0, record_of(2));
  check_counters(*saver, 1, 10, 20);
  CHECK_EQ(folder.read().frames.size(), 10U);
}

TEST(a_part_that_somebody_changed_is_given_up) {
  const Folder folder;
  SaverOptions options = options_for(folder);
  options.memory = 0;
  options.snaplen = 60;
  const auto saver = FlowSaver::make(options);
  for (std::size_t i = 0; i < 10; ++i) send(*saver, 0, numbered(60, i));
  folder.write(folder.names(true).at(0), "not what it was");
  for (std::size_t i = 0; i < 10; ++i) send(*saver, 0, numbered(60, i));
  saver->closed(0, record_of(1));
  check_counters(*saver, 0, 0, 20);
  CHECK_EQ(folder.files() + folder.parts(), 0U);
}

TEST(links_are_not_followed) {
  const Folder folder, elsewhere;
  SaverOptions options = options_for(folder);
  options.memory = 0;
  options.snaplen = 60;
  const auto saver = FlowSaver::make(options);
  for (std::size_t i = 0; i < 10; ++i) send(*saver, 0, numbered(60, i));
  const fs::path part = folder.path() / folder.names(true).at(0);
  fs::rename(part, elsewhere.path() / "target");
  const std::uint64_t size = elsewhere.octets();
  fs::create_symlink(elsewhere.path() / "target", part);
  for (std::size_t i = 0; i < 10; ++i) send(*saver, 0, numbered(60, i));
  CHECK_EQ(elsewhere.octets(), size);
  CHECK_EQ(saver->problem(), std::string("Too many levels of symbolic links"));
}

TEST(open_flows_leave_nothing_behind) {
  const Folder folder;
  SaverOptions options = options_for(folder);
  options.memory = 0;
  options.snaplen = 60;
  auto saver = FlowSaver::make(options);
  for (std::size_t i = 0; i < 100; ++i) send(*saver, i % 10 * 10'000, numbered(60, i));
  CHECK(folder.parts() >= 9);
  saver.reset();
  CHECK_EQ(folder.parts(), 0U);
}

TEST(savers_of_one_process_share_a_folder) {
  const Folder folder;
  SaverOptions options = options_for(folder);
  options.memory = 0;
  options.snaplen = 60;
  const auto saver = FlowSaver::make(options);
  for (std::size_t i = 0; i < 10; ++i) send(*saver, 0, numbered(60, i));
  const auto other = FlowSaver::make(options);
  for (std::size_t i = 0; i < 10; ++i) send(*other, 0, numbered(60, i));
  CHECK_EQ(folder.parts(), 2U);
  saver->closed(0, record_of(1));
  other->closed(0, record_of(2));
  check_counters(*saver, 1, 10, 0);
  check_counters(*other, 1, 10, 0);
}

TEST(parts_of_the_dead_are_removed) {
  const Folder folder;
  const std::string kept[] = {flowedge::part_name({1, 1}, 1), flowedge::part_name({getpid(), 1}, 1),
                              ".flowedge-" + std::to_string(dead_process()) + ".part", ".other", "a.pcap"};
  for (const std::string& name : kept) folder.write(name, "x");
  for (std::uint64_t i = 1; i < 4; ++i) folder.write(flowedge::part_name({dead_process(), 1}, i), "x");
  for (std::uint32_t i = 2; i < 1000; ++i) folder.write(flowedge::part_name({getpid(), i}, 7), "x");
  const auto saver = FlowSaver::make(options_for(folder));
  for (const std::string& name : kept) CHECK(fs::exists(folder.path() / name));
  CHECK_EQ(folder.parts() + folder.files(), 5U + 997U);  // its own number, and no other saver's of this process
  CHECK_EQ(saver->problem(), std::string());
}

TEST(a_folder_that_is_not_there_shows_at_once) {
  const Folder folder;
  SaverOptions options = options_for(folder);
  options.folder += "/missing";
  CHECK_EQ(FlowSaver::make(options)->problem(), std::string("No such file or directory"));
}

TEST(the_engines_flows_are_the_files) {
  for (const Mode mode : {Mode::netflower, Mode::cicflowmeter, Mode::engelen, Mode::corrected}) {
    const Folder folder;
    SaverOptions options = options_for(folder);
    options.memory = 0;
    options.snaplen = 200;
    const auto saver = FlowSaver::make(options);
    flowedge::EngineOptions engine_options;
    engine_options.mode = mode;
    const auto engine = flowedge::Engine::make(engine_options);
    const std::vector<FlowRecord> records = run_saved(*engine, *saver, random_connections());
    CHECK_EQ(saver->counters().packets, engine->counters().in_flows);
    CHECK_EQ(saver->counters().unsaved, engine->counters().skipped[static_cast<std::size_t>(flowedge::Skip::single)]);
    CHECK_EQ(folder.files(), records.size());
    CHECK_EQ(folder.parts(), 0U);
    for (const FlowRecord& record : records) {
      const Reading reading = folder.read(flowedge::flow_file_stem(record) + ".pcap");
      CHECK_EQ(reading.frames.size(), record.tot_fwd_pkts + record.tot_bwd_pkts);
      for (const Seen& seen : reading.frames) CHECK(is_of(record, seen.octets));
    }
  }
}
