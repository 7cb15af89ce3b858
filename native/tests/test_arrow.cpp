#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "check.hpp"
#include "flowedge/arrow.hpp"

// Allocations are counted, and one of them can be made to fail.
namespace {
long allocations_left = -1;  ///< before one fails; -1: none does
long blocks_held = 0;
}  // namespace

void* operator new(std::size_t size) {
  if (allocations_left == 0) throw std::bad_alloc();
  if (allocations_left > 0) --allocations_left;
  void* block = std::malloc(size);
  if (block == nullptr) throw std::bad_alloc();
  ++blocks_held;
  return block;
}
void operator delete(void* block) noexcept {
  if (block != nullptr) --blocks_held;
  std::free(block);
}
void operator delete(void* block, std::size_t) noexcept {
  operator delete(block);
}

namespace {

using namespace flowedge;

FlowRecord record(std::uint8_t last_octet) {
  FlowRecord r{};
  const std::uint8_t source[] = {192, 0, 2, last_octet};
  r.src_ip = Address::v4(source);
  r.dst_ip = Address::v4(source);
  r.src_port = 65535;
  r.protocol = 17;
  r.ip_version = 4;
  r.timestamp = 1.5;
  r.flow_duration = 0.000123;
  r.totlen_fwd_pkts = 1'000'000'000'000;
  r.init_fwd_win_byts = -1;
  r.first_ns = 1'500'000'000;
  return r;
}

Selection select(std::vector<std::string> columns, NameScheme names = NameScheme::netflower,
                 Mode mode = Mode::netflower) {
  Selection selection;
  std::string problem;
  CHECK(Selection::make({mode, names, std::move(columns), {}, "BENIGN"}, selection, problem));
  return selection;
}

struct Schema : ArrowSchema {
  explicit Schema(const Selection& selection) { CHECK(export_arrow_schema(selection, this)); }
  ~Schema() { release(this); }
};

struct Array : ArrowArray {
  Array(const Selection& selection, const std::vector<FlowRecord>& records) {
    CHECK(export_arrow_array(selection, records.data(), records.size(), this));
  }
  ~Array() {
    if (release != nullptr) release(this);
  }
};

template <class Number>
Number number(const ArrowArray& column, std::size_t row) {
  Number value;
  std::memcpy(&value, static_cast<const char*>(column.buffers[1]) + row * sizeof value, sizeof value);
  return value;
}

std::string text(const ArrowArray& column, std::size_t row) {
  const auto* offsets = static_cast<const std::int32_t*>(column.buffers[1]);
  const auto* values = static_cast<const char*>(column.buffers[2]);
  return {values + offsets[row], values + offsets[row + 1]};
}

std::int32_t take_int32(const char*& at) {
  std::int32_t value;
  std::memcpy(&value, at, sizeof value);
  at += sizeof value;
  return value;
}

std::string take_text(const char*& at) {
  const auto length = static_cast<std::size_t>(take_int32(at));
  at += length;
  return {at - length, at};
}

std::map<std::string, std::string> metadata(const ArrowSchema& field) {
  std::map<std::string, std::string> pairs;
  const char* at = field.metadata;
  for (std::int32_t left = take_int32(at); left > 0; --left) {
    const std::string key = take_text(at);
    pairs[key] = take_text(at);
  }
  return pairs;
}

const std::vector<std::string> kOneOfEach = {
    "src_ip",       "src_port", "protocol", "timestamp", "flow_duration", "totlen_fwd_pkts", "init_fwd_win_byts",
    "tot_fwd_pkts", "first_ns", "flow_id",  "label"};

TEST(schema_names_types_and_units) {
  const Schema schema(select(kOneOfEach));
  CHECK_EQ(std::string(schema.format), std::string("+s"));
  CHECK_EQ(schema.n_children, std::int64_t{11});
  std::string formats;
  for (int i = 0; i < 11; ++i) {
    formats += schema.children[i]->format;
    CHECK_EQ(std::string(schema.children[i]->name), kOneOfEach[static_cast<std::size_t>(i)]);
    CHECK_EQ(schema.children[i]->flags, std::int64_t{0});
    CHECK(!metadata(*schema.children[i])["meaning"].empty());
  }
  CHECK_EQ(formats, std::string("uSCggLiIluu"));
  CHECK_EQ(metadata(*schema.children[4])["unit"], std::string("s"));
  CHECK_EQ(metadata(*schema.children[5])["unit"], std::string("B"));
  CHECK_EQ(metadata(*schema.children[0]).count("unit"), std::size_t{0});
  const Schema renamed(select({"flow_duration"}, NameScheme::cicids2017));
  CHECK_EQ(std::string(renamed.children[0]->name), std::string(" Flow Duration"));
  CHECK_EQ(metadata(*renamed.children[0])["unit"], std::string("us"));
}

TEST(array_holds_the_values) {
  const Array array(select(kOneOfEach), {record(1), record(254)});
  CHECK_EQ(array.length, std::int64_t{2});
  CHECK_EQ(array.n_buffers, std::int64_t{1});
  CHECK_EQ(array.children[0]->n_buffers, std::int64_t{3});
  CHECK_EQ(array.children[1]->n_buffers, std::int64_t{2});
  CHECK_EQ(text(*array.children[0], 0), std::string("192.0.2.1"));
  CHECK_EQ(text(*array.children[0], 1), std::string("192.0.2.254"));
  CHECK_EQ(number<std::uint16_t>(*array.children[1], 1), std::uint16_t{65535});
  CHECK_EQ(number<std::uint8_t>(*array.children[2], 1), std::uint8_t{17});
  CHECK_EQ(number<double>(*array.children[3], 1), 1.5);
  CHECK_EQ(number<double>(*array.children[4], 1), 0.000123);
  CHECK_EQ(number<std::uint64_t>(*array.children[5], 1), std::uint64_t{1'000'000'000'000});
  CHECK_EQ(number<std::int32_t>(*array.children[6], 1), std::int32_t{-1});
  CHECK_EQ(number<std::uint32_t>(*array.children[7], 1), std::uint32_t{0});
  CHECK_EQ(number<std::int64_t>(*array.children[8], 1), std::int64_t{1'500'000'000});
  CHECK_EQ(text(*array.children[9], 1), std::string("192.0.2.254-192.0.2.254-65535-0-17"));
  CHECK_EQ(text(*array.children[10], 1), std::string("BENIGN"));
}

TEST(durations_are_converted) {
  const Array micros(select({"flow_duration"}, NameScheme::cicids2017), {record(1)});
  CHECK_EQ(number<double>(*micros.children[0], 0), 123.0);
  const Array seconds(select({"flow_duration"}, NameScheme::netflower, Mode::engelen), {record(1)});
  CHECK_EQ(number<double>(*seconds.children[0], 0), 0.000123 / 1e6);
}

TEST(no_rows) {
  const Array array(select(kOneOfEach), {});
  CHECK_EQ(array.length, std::int64_t{0});
  CHECK_EQ(static_cast<const std::int32_t*>(array.children[0]->buffers[1])[0], std::int32_t{0});
}

TEST(repeated_columns_are_left_out) {
  const Selection selection = select({}, NameScheme::cicids2017);
  const Schema schema(selection);
  const Array array(selection, {record(1)});
  CHECK_EQ(selection.columns().size(), std::size_t{85});
  CHECK_EQ(schema.n_children, std::int64_t{84});
  CHECK_EQ(array.n_children, std::int64_t{84});
}

TEST(a_child_outlives_its_parent) {
  const Selection selection = select({"src_ip", "protocol"});
  ArrowArray child;
  {
    const Array array(selection, {record(9)});
    child = *array.children[0];
    array.children[0]->release = nullptr;
  }
  CHECK_EQ(text(child, 0), std::string("192.0.2.9"));
  child.release(&child);
  CHECK(child.release == nullptr);
}

TEST(stream_gives_one_batch) {
  ArrowArrayStream stream;
  {
    const std::vector<FlowRecord> records = {record(1), record(2)};
    const Selection selection = select({"src_ip"});
    CHECK(export_arrow_stream(selection, records.data(), records.size(), &stream));
  }
  for (int i = 0; i < 2; ++i) {
    ArrowSchema schema;
    CHECK_EQ(stream.get_schema(&stream, &schema), 0);
    CHECK_EQ(schema.n_children, std::int64_t{1});
    schema.release(&schema);
  }
  ArrowArray batch;
  CHECK_EQ(stream.get_next(&stream, &batch), 0);
  CHECK_EQ(batch.length, std::int64_t{2});
  ArrowArray end;
  CHECK_EQ(stream.get_next(&stream, &end), 0);
  CHECK(end.release == nullptr);
  stream.release(&stream);
  CHECK_EQ(text(*batch.children[0], 1), std::string("192.0.2.2"));
  batch.release(&batch);
}

TEST(a_stream_that_nobody_read_is_released) {
  const Selection selection = select({});
  const FlowRecord r = record(1);
  const long before = blocks_held;
  ArrowArrayStream stream;
  CHECK(export_arrow_stream(selection, &r, 1, &stream));
  stream.release(&stream);
  CHECK(stream.release == nullptr);
  CHECK_EQ(blocks_held, before);
}

/// Lets the first, second, ... allocation fail until one export needs no more of them.
template <class Structure, class Export>
void check_every_failure(Export run) {
  for (long allowed = 0;; ++allowed) {
    Structure structure;
    const long before = blocks_held;
    allocations_left = allowed;
    const bool done = run(&structure);
    allocations_left = -1;
    if (done) {
      CHECK(allowed > 10);
      structure.release(&structure);
    }
    CHECK_EQ(blocks_held, before);
    if (done) return;
  }
}

TEST(nothing_leaks_when_memory_runs_out) {
  const Selection selection = select({}, NameScheme::cicids2017);
  const std::vector<FlowRecord> records(3, record(1));
  check_every_failure<ArrowSchema>([&](ArrowSchema* out) { return export_arrow_schema(selection, out); });
  check_every_failure<ArrowArray>(
      [&](ArrowArray* out) { return export_arrow_array(selection, records.data(), records.size(), out); });
  check_every_failure<ArrowArrayStream>(
      [&](ArrowArrayStream* out) { return export_arrow_stream(selection, records.data(), records.size(), out); });
}

TEST(a_stream_says_that_memory_ran_out) {
  const FlowRecord r = record(1);
  ArrowArrayStream stream;
  CHECK(export_arrow_stream(select({}), &r, 1, &stream));
  ArrowSchema schema;
  allocations_left = 3;
  const int code = stream.get_schema(&stream, &schema);
  allocations_left = -1;
  CHECK(code != 0);
  CHECK(!std::string_view(stream.get_last_error(&stream)).empty());
  stream.release(&stream);
}

}  // namespace
