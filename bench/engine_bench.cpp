// engine_bench CAPTURE [OUT.csv]
//
// The native engine without Python, for perf and valgrind: reader, decoder, flow table; the batches are thrown away, or
// written as CSV. Prints one line of JSON.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <memory>
#include <string>

#include "flowedge/capture_file.hpp"
#include "flowedge/engine.hpp"
#include "flowedge/pump.hpp"
#include "flowedge/selection.hpp"
#include "flowedge/text.hpp"

namespace {

constexpr std::size_t kBatchRecords = 4096;
constexpr std::size_t kFrameBudget = 1 << 20;

class Output {
 public:
  virtual ~Output() = default;
  virtual void take(const flowedge::RecordBatch&) {}
};

class CsvOutput : public Output {
 public:
  CsvOutput(std::FILE* file, const flowedge::Selection& selection) : file_(file), selection_(selection) {
    append_csv_header(selection_, text_);
  }
  ~CsvOutput() override {
    write();
    std::fclose(file_);
  }
  CsvOutput(const CsvOutput&) = delete;
  CsvOutput& operator=(const CsvOutput&) = delete;

  void take(const flowedge::RecordBatch& batch) override {
    append_csv(selection_, batch.data(), batch.size(), text_);
    write();
  }

 private:
  void write() {
    std::fwrite(text_.data(), 1, text_.size(), file_);
    text_.clear();
  }

  std::FILE* file_;
  flowedge::Selection selection_;
  std::string text_;
};

std::unique_ptr<Output> make_csv_output(const char* path) {
  std::FILE* file = std::fopen(path, "wb");
  flowedge::Selection selection;
  std::string problem;
  if (!file || !flowedge::Selection::make({}, selection, problem)) return nullptr;
  return std::make_unique<CsvOutput>(file, selection);
}

using Batch = std::unique_ptr<flowedge::RecordBatch>;

Batch make_batch() {
  return std::make_unique<flowedge::RecordBatch>(kBatchRecords);
}

void hand_over(Batch& batch, Output& output) {
  output.take(*batch);
  batch = make_batch();
}

void run(flowedge::CaptureReader& reader, flowedge::Engine& engine, Output& output) {
  flowedge::Pump pump(reader, engine, nullptr);
  Batch batch = make_batch();
  for (flowedge::PumpStatus status; (status = pump.run(*batch, kFrameBudget)) != flowedge::PumpStatus::end;)
    if (status == flowedge::PumpStatus::batch_full) hand_over(batch, output);
  while (!engine.flush(*batch)) hand_over(batch, output);
  output.take(*batch);
}

long long now_ns(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1'000'000'000ll + t.tv_nsec;
}

void print_result(const flowedge::Counters& counters, long long wall_ns, long long cpu_ns) {
  const double packets = static_cast<double>(counters.packets ? counters.packets : 1);
  std::printf(
      "{\"packets\": %llu, \"flows\": %llu, \"wall_ns\": %lld, \"cpu_ns\": %lld, \"cpu_ns_per_packet\": %.2f}\n",
      static_cast<unsigned long long>(counters.packets), static_cast<unsigned long long>(counters.flows), wall_ns,
      cpu_ns, static_cast<double>(cpu_ns) / packets);
}

int fail(const char* what, const std::string& problem) {
  std::fprintf(stderr, "engine_bench: %s: %s\n", what, problem.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) return std::fputs("usage: engine_bench CAPTURE [OUT.csv]\n", stderr), 2;
  const std::unique_ptr<Output> output = argc == 3 ? make_csv_output(argv[2]) : std::make_unique<Output>();
  const int descriptor = open(argv[1], O_RDONLY | O_CLOEXEC);
  if (descriptor < 0 || !output) return fail(argv[argc - 1], "cannot be opened");
  const auto source = flowedge::make_descriptor_source(descriptor);
  const auto reader = flowedge::make_capture_reader(*source);
  const auto engine = flowedge::Engine::make({});
  const long long wall_start = now_ns(CLOCK_MONOTONIC), cpu_start = now_ns(CLOCK_PROCESS_CPUTIME_ID);
  run(*reader, *engine, *output);
  print_result(engine->counters(), now_ns(CLOCK_MONOTONIC) - wall_start, now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_start);
  close(descriptor);
  return reader->status() == flowedge::ReadStatus::end ? 0 : fail(argv[1], reader->problem());
}
