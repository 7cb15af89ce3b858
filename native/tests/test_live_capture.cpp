#include <ctime>
#include <memory>
#include <set>

#include "check.hpp"
#include "flow_frames.hpp"
#include "flowedge/live_capture.hpp"
#include "own_network.hpp"

using flowedge::CaptureDirection;
using flowedge::LiveCapture;
using flowedge::LiveCounters;
using flowedge::LiveOptions;
using flowedge::LiveRefusal;
using flowedge::LiveStatus;
using network::Tap;

#if FLOWEDGE_HAVE_LIBPCAP
namespace {

constexpr int kLongEnough = 300;  // milliseconds: more than the kernel gathers frames

std::unique_ptr<LiveCapture> open_capture(const LiveOptions& options) {
  LiveRefusal refusal;
  std::string problem;
  std::unique_ptr<LiveCapture> capture = LiveCapture::open(options, refusal, problem);
  if (!capture) check::fail(__FILE__, __LINE__, options.interface + ": " + problem);
  return capture;
}

LiveOptions on(const std::string& interface) {
  LiveOptions options;
  options.interface = interface;
  return options;
}

/// A capture, and the engine that it feeds.
class Running {
 public:
  explicit Running(const LiveOptions& options)
      : capture(open_capture(options)),
        engine(flowedge::Engine::make({})),
        feed_(*engine, flowedge::SteadyTime(flowedge::host_time, true), nullptr) {}

  LiveStatus run(int milliseconds = kLongEnough) {
    for (;;) {
      flowedge::RecordBatch out(wanted);
      const LiveStatus status = capture->run(feed_, out, milliseconds);
      records.insert(records.end(), out.data(), out.data() + out.size());
      if (status != LiveStatus::batch_full) return status;
    }
  }

  void flush() {
    flowedge::RecordBatch out(1000);
    CHECK(engine->flush(out));
    records.insert(records.end(), out.data(), out.data() + out.size());
  }

  std::uint64_t packets() const { return engine->counters().packets; }
  bool adds_up() {
    const LiveCounters counters = capture->counters();
    return counters.received == packets() + counters.dropped;
  }

  std::size_t wanted = 64;
  std::unique_ptr<LiveCapture> capture;
  std::unique_ptr<flowedge::Engine> engine;
  std::vector<flowedge::FlowRecord> records;

 private:
  flowedge::LiveFeed feed_;
};

/// Datagrams, and not the answers that nobody listens.
LiveOptions datagrams_on_loopback() {
  LiveOptions options = on("lo");
  options.filter = "udp";
  return options;
}

LiveRefusal refusal_of(const LiveOptions& options, std::string& problem) {
  LiveRefusal refusal = LiveRefusal::none;
  CHECK(!LiveCapture::open(options, refusal, problem));
  return refusal;
}

}  // namespace

TEST(frames_reach_the_engine_once_and_add_up) {
  network::in_own_network([] {
    network::set_up("lo", true);
    Running running(datagrams_on_loopback());
    CHECK_EQ(running.capture->link_type(), 1);
    network::send_datagrams(2000, 5000);
    CHECK(running.run() == LiveStatus::waited);
    CHECK_EQ(running.packets(), 2000U);
    CHECK(running.adds_up());
    running.flush();
    CHECK_EQ(running.records.size(), 1U);
    CHECK_EQ(running.records[0].tot_fwd_pkts, 2000U);
    CHECK_EQ(running.records[0].totlen_fwd_pkts, 2000U * 128);
  });
}

TEST(times_are_the_hosts) {
  network::in_own_network([] {
    network::set_up("lo", true);
    const std::int64_t before = flowedge::host_time().wall;
    Running running(datagrams_on_loopback());
    network::send_datagrams(1, 5000);
    running.run();
    running.flush();
    CHECK(running.capture->stamped_by_host());
    CHECK(running.records[0].first_ns >= before && running.records[0].first_ns <= flowedge::host_time().wall);
  });
}

TEST(what_waits_when_receiving_stops_is_delivered) {
  network::in_own_network([] {
    network::set_up("lo", true);
    Running running(datagrams_on_loopback());
    network::send_datagrams(3000, 5000);
    running.capture->stop_receiving();
    network::send_datagrams(500, 5000);
    running.run();
    CHECK_EQ(running.packets(), 3000U);
    CHECK(running.adds_up());
  });
}

TEST(what_does_not_fit_is_counted_as_dropped) {
  network::in_own_network([] {
    network::set_up("lo", true);
    LiveOptions options = datagrams_on_loopback();
    options.buffer_octets = 1 << 19;
    Running running(options);
    network::send_datagrams(20000, 5000, 200);
    running.capture->stop_receiving();
    running.run();
    CHECK(running.capture->counters().dropped > 0);
    CHECK_EQ(running.capture->counters().received, 20000U);
    CHECK(running.adds_up());
  });
}

TEST(a_full_batch_interrupts_and_loses_nothing) {
  network::in_own_network([] {
    if (!Tap::available()) return;
    const Tap tap("tap0");
    LiveOptions options = on("tap0");
    options.filter = "tcp";
    Running running(options);
    running.wanted = 1;
    for (int i = 0; i < 40; ++i) {
      const frames::Endpoint client{frames::kClient.address, static_cast<std::uint16_t>(1000 + i)};
      tap.receive(frames::tcp_frame(client, frames::kServer, flowedge::tcp::kRst));
    }
    running.run();
    CHECK_EQ(running.packets(), 40U);
    CHECK_EQ(running.records.size(), 40U);
    CHECK(running.adds_up());
  });
}

TEST(only_what_passes_the_filter_is_received) {
  network::in_own_network([] {
    network::set_up("lo", true);
    LiveOptions options = on("lo");
    options.filter = "udp and dst port 5001";
    Running running(options);
    network::send_datagrams(100, 5000);
    network::send_datagrams(10, 5001);
    running.run();
    CHECK_EQ(running.packets(), 10U);
    CHECK(running.adds_up());
  });
}

TEST(what_was_discarded_does_not_count) {
  network::in_own_network([] {
    network::set_up("lo", true);
    Running running(datagrams_on_loopback());
    network::send_datagrams(1000, 5000);
    running.capture->discard_waiting();
    CHECK_EQ(running.capture->counters().received, 0U);
    network::send_datagrams(10, 5000);
    running.run();
    CHECK_EQ(running.packets(), 10U);
    CHECK(running.adds_up());
    network::send_datagrams(5, 5000);
    running.capture->discard_waiting();
    running.run();
    CHECK_EQ(running.packets(), 10U);
  });
}

TEST(what_is_beyond_the_snaplen_takes_no_room) {
  network::in_own_network([] {
    network::set_up("lo", true);
    LiveOptions options = datagrams_on_loopback();
    options.buffer_octets = 1 << 20;
    Running running(options);
    network::send_datagrams(200, 5000, 30000);
    running.run();
    CHECK_EQ(running.packets(), 200U);
    CHECK_EQ(running.capture->counters().dropped, 0U);
  });
}

TEST(captures_of_a_fanout_group_share_flows) {
  network::in_own_network([] {
    if (!Tap::available()) return;
    const Tap tap("tap0");
    LiveOptions options = on("tap0");
    options.filter = "tcp";
    options.fanout = flowedge::kNewGroup;
    Running first(options);
    options.fanout = first.capture->fanout_group();
    Running second(options);
    CHECK_EQ(second.capture->fanout_group(), first.capture->fanout_group());
    for (std::uint16_t port = 1000; port < 1100; ++port) {
      const frames::Endpoint client{frames::kClient.address, port};
      tap.receive(frames::tcp_frame(client, frames::kServer, flowedge::tcp::kSyn));
      tap.receive(frames::tcp_frame(frames::kServer, client, flowedge::tcp::kSyn | flowedge::tcp::kAck));
    }
    first.run();
    second.run();
    CHECK(first.packets() > 0 && second.packets() > 0);
    CHECK_EQ(first.packets() + second.packets(), 200U);
    for (Running* running : {&first, &second}) {
      CHECK(running->adds_up());
      running->flush();
      for (const flowedge::FlowRecord& record : running->records) CHECK_EQ(record.tot_bwd_pkts, 1U);
    }
  });
}

TEST(direction_decides_what_is_received) {
  network::in_own_network([] {
    if (!Tap::available()) return;
    const Tap tap("tap0");
    LiveOptions options = on("tap0");
    options.filter = "tcp port 443";
    Running both(options);
    options.direction = CaptureDirection::in;
    Running in(options);
    options.direction = CaptureDirection::out;
    Running out(options);
    for (int i = 0; i < 7; ++i) tap.receive(frames::up(flowedge::tcp::kAck));
    for (int i = 0; i < 4; ++i) tap.send(frames::down(flowedge::tcp::kAck));
    for (Running* running : {&both, &in, &out}) {
      running->run();
      CHECK(running->adds_up());
    }
    CHECK_EQ(both.packets(), 11U);
    CHECK_EQ(in.packets(), 7U);
    CHECK_EQ(out.packets(), 4U);
  });
}

TEST(any_captures_all_interfaces) {
  network::in_own_network([] {
    if (!Tap::available()) return;
    network::set_up("lo", true);
    const Tap tap("tap0");
    LiveOptions options = on("any");
    options.filter = "dst port 443 or dst port 5000";
    Running running(options);
    CHECK_EQ(running.capture->link_type(), 113);
    tap.receive(frames::up(flowedge::tcp::kAck));
    tap.send(frames::up(flowedge::tcp::kAck));
    network::send_datagrams(3, 5000);
    network::send_datagrams(3, 5001);
    running.run();
    CHECK_EQ(running.packets(), 5U);
    CHECK(running.adds_up());
    std::string problem;
    options.filter = "link[2:2] = 1";
    CHECK(refusal_of(options, problem) == LiveRefusal::bad_option);
    CHECK(problem.find("link-layer header") != std::string::npos);
  });
}

TEST(vlan_tags_are_seen) {
  network::in_own_network([] {
    if (!Tap::available()) return;
    const Tap tap("tap0");
    LiveOptions options = on("tap0");
    options.filter = "vlan 7";
    Running running(options);
    const frames::Octets plain = frames::up(flowedge::tcp::kAck);
    const frames::Octets packet(plain.begin() + 14, plain.end());
    tap.receive(frames::ethernet(0x8100, frames::vlan(7, 0x0800, packet)));
    tap.receive(plain);
    running.run();
    running.flush();
    CHECK_EQ(running.packets(), 1U);
    CHECK_EQ(running.records[0].vlan, 7);
  });
}

TEST(an_interface_that_was_down_goes_on_when_it_is_up) {
  network::in_own_network([] {
    if (!Tap::available()) return;
    const Tap tap("tap0");
    LiveOptions options = on("tap0");
    options.filter = "tcp";
    Running running(options);
    tap.receive(frames::up(flowedge::tcp::kAck));
    network::set_up("tap0", false);
    const std::clock_t before = std::clock();
    CHECK(running.run() == LiveStatus::waited);
    CHECK((std::clock() - before) * 1000 / CLOCKS_PER_SEC < kLongEnough / 2);
    network::set_up("tap0", true);
    tap.receive(frames::up(flowedge::tcp::kAck));
    CHECK(running.run() == LiveStatus::waited);
    CHECK_EQ(running.packets(), 2U);
    CHECK(running.adds_up());
  });
}

TEST(an_interface_that_is_unplugged_is_gone) {
  network::in_own_network([] {
    if (!Tap::available()) return;
    Tap tap("tap0");
    LiveOptions options = on("tap0");
    options.filter = "tcp";
    Running running(options);
    tap.receive(frames::up(flowedge::tcp::kAck));
    tap.unplug();
    CHECK(running.run() == LiveStatus::gone);
    CHECK_EQ(running.packets(), 1U);
    CHECK(running.adds_up());
    const Tap another("tap0");
    CHECK(running.run() == LiveStatus::gone);
  });
}

TEST(an_interface_with_another_name_is_gone) {
  network::in_own_network([] {
    if (!Tap::available()) return;
    const Tap tap("tap0");
    LiveOptions options = on("tap0");
    options.filter = "tcp";
    Running running(options);
    tap.receive(frames::up(flowedge::tcp::kAck));
    if (!network::rename("tap0", "tap1")) return;
    tap.receive(frames::up(flowedge::tcp::kAck));
    Tap another("tap0");
    another.receive(frames::up(flowedge::tcp::kAck));
    CHECK(running.run(0) == LiveStatus::waited);  // some are still with the kernel
    another.unplug();
    CHECK(network::rename("tap1", "tap0"));
    tap.receive(frames::up(flowedge::tcp::kAck));
    CHECK(running.run() == LiveStatus::gone);
    CHECK_EQ(running.packets(), 2U);
    CHECK(running.adds_up());
  });
}

TEST(once_receiving_has_stopped_another_name_is_no_end) {
  network::in_own_network([] {
    if (!Tap::available()) return;
    const Tap tap("tap0");
    LiveOptions options = on("tap0");
    options.filter = "tcp";
    Running running(options);
    if (!network::rename("tap0", "tap1")) return;
    tap.receive(frames::up(flowedge::tcp::kAck));
    running.capture->stop_receiving();
    for (int look = 0; look < 8; ++look) CHECK(running.run(5) == LiveStatus::waited);
    CHECK(running.run() == LiveStatus::waited);
    CHECK_EQ(running.packets(), 1U);
    CHECK(running.adds_up());
  });
}

TEST(refusals_say_why) {
  network::in_own_network([] {
    std::string problem;
    CHECK(refusal_of(on("nonesuch0"), problem) == LiveRefusal::no_such_interface);
    CHECK(refusal_of(on(""), problem) != LiveRefusal::none);
    CHECK(!problem.empty());
    CHECK(refusal_of(on("lo"), problem) == LiveRefusal::not_up);
    network::set_up("lo", true);
    LiveOptions options = on("lo");
    options.filter = "udp and and";
    CHECK(refusal_of(options, problem) == LiveRefusal::bad_option);
    CHECK(problem.find("syntax error") != std::string::npos);
    options = on("lo");
    options.timestamp_type = "sundial";
    CHECK(refusal_of(options, problem) == LiveRefusal::bad_option);
    options.timestamp_type = "adapter";
    CHECK(refusal_of(options, problem) == LiveRefusal::bad_option);
    options = on("lo");
    options.fanout = 70000;
    CHECK(refusal_of(options, problem) == LiveRefusal::other);
    CHECK(seteuid(65534) == 0);
    CHECK(refusal_of(on("lo"), problem) == LiveRefusal::permission);
    CHECK(problem.find("lo:") == std::string::npos);
    CHECK(seteuid(0) == 0);
  });
}

TEST(interfaces_are_listed) {
  network::in_own_network([] {
    network::set_up("lo", true);
    std::vector<flowedge::InterfaceInfo> interfaces;
    std::string problem;
    CHECK(flowedge::list_interfaces(interfaces, problem));
    std::set<std::string> names;
    for (const flowedge::InterfaceInfo& interface : interfaces) {
      names.insert(interface.name);
      if (interface.name != "lo") continue;
      CHECK(interface.up && interface.running && interface.loopback);
      CHECK_EQ(interface.addresses.at(0), std::string("127.0.0.1"));
    }
    CHECK(names.count("lo") == 1 && names.count("any") == 1);
    CHECK_EQ(names.count("nflog"), 0U);
  });
  CHECK(flowedge::libpcap_version().find("libpcap") == 0);
}
#else
TEST(without_libpcap_there_is_no_capture) {
  LiveRefusal refusal;
  std::string problem;
  CHECK(!LiveCapture::open({}, refusal, problem));
  CHECK(refusal == LiveRefusal::unsupported && !problem.empty());
}
#endif
