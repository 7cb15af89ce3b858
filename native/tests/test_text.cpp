#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "check.hpp"
#include "flowedge/text.hpp"

namespace {

using namespace flowedge;

constexpr std::int64_t kFirstNs = 1'600'000'000'123'456'789;

FlowRecord record() {
  FlowRecord r{};
  const std::uint8_t source[] = {192, 0, 2, 7};
  const std::uint8_t destination[] = {10, 0, 100, 255};
  r.src_ip = Address::v4(source);
  r.dst_ip = Address::v4(destination);
  r.src_port = 49152;
  r.dst_port = 443;
  r.protocol = 6;
  r.ip_version = 4;
  r.first_ns = kFirstNs;
  return r;
}

Selection select(std::vector<std::string> columns, Mode mode = Mode::netflower,
                 NameScheme names = NameScheme::netflower, std::string label = "BENIGN") {
  Selection selection;
  std::string problem;
  CHECK(Selection::make({mode, names, std::move(columns), {}, std::move(label)}, selection, problem));
  return selection;
}

std::string csv(const Selection& selection, const FlowRecord& r) {
  std::string out;
  append_csv(selection, &r, 1, out);
  return out;
}

std::string jsonl(const Selection& selection, const FlowRecord& r) {
  std::string out;
  append_jsonl(selection, &r, 1, out);
  return out;
}

std::vector<std::string> split(std::string_view line) {
  std::vector<std::string> fields{""};
  for (const char c : line.substr(0, line.find('\n'))) {
    if (c == ',') {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  return fields;
}

std::string number(double value) {
  FlowRecord r = record();
  r.flow_iat_mean = value;
  const std::string line = csv(select({"flow_iat_mean"}), r);
  return line.substr(0, line.size() - 1);
}

std::string time_text(std::int64_t time_ns, Mode mode, NameScheme names) {
  FlowRecord r = record();
  r.first_ns = time_ns;
  const std::string line = csv(select({"timestamp"}, mode, names), r);
  return line.substr(0, line.size() - 1);
}

std::string address(std::vector<std::uint8_t> octets, std::uint8_t ip_version = 6) {
  FlowRecord r = record();
  octets.resize(16);
  r.src_ip = Address::v6(octets.data());
  r.ip_version = ip_version;
  const std::string line = csv(select({"src_ip"}), r);
  return line.substr(0, line.size() - 1);
}

bool reads_back(const std::string& text, double value) {
  return std::strtod(text.c_str(), nullptr) == value;
}

/// Digits without sign, point, exponent and zeros on either side.
std::string significant(std::string_view text) {
  std::string digits;
  for (const char c : text.substr(0, text.find('e'))) {
    if (c >= '0' && c <= '9') digits += c;
  }
  const std::size_t first = digits.find_first_not_of('0');
  if (first == std::string::npos) return "";
  return digits.substr(first, digits.find_last_not_of('0') - first + 1);
}

void check_number(double value) {
  char shortest[32];
  const char* end = std::to_chars(shortest, shortest + sizeof shortest, value).ptr;
  const std::string text = number(value);
  if (!reads_back(text, value)) check::fail(__FILE__, __LINE__, text + " does not read back");
  CHECK_EQ(significant(text), significant({shortest, static_cast<std::size_t>(end - shortest)}));
}

TEST(whole_numbers_have_no_point) {
  CHECK_EQ(number(60), std::string("60"));
  CHECK_EQ(number(-60), std::string("-60"));
  CHECK_EQ(number(0), std::string("0"));
  CHECK_EQ(number(-0.0), std::string("0"));
  CHECK_EQ(number(100000), std::string("100000"));
  CHECK_EQ(number(999999999999999), std::string("999999999999999"));
}

TEST(nanoseconds_have_no_exponent) {
  CHECK_EQ(number(1e-9), std::string("0.000000001"));
  CHECK_EQ(number(0.000012), std::string("0.000012"));
  CHECK_EQ(number(-0.5), std::string("-0.5"));
  CHECK_EQ(number(999999.999999999), std::string("999999.999999999"));
  CHECK_EQ(number(-999999.999999999), std::string("-999999.999999999"));
  CHECK_EQ(number(0.1), std::string("0.1"));
  CHECK_EQ(number(0.1 + 0.2), std::string("0.30000000000000004"));
}

TEST(what_is_no_number_has_java_words) {
  CHECK_EQ(number(std::nan("")), std::string("NaN"));
  CHECK_EQ(number(-std::nan("")), std::string("NaN"));
  CHECK_EQ(number(HUGE_VAL), std::string("Infinity"));
  CHECK_EQ(number(-HUGE_VAL), std::string("-Infinity"));
}

TEST(doubles_read_back_with_the_fewest_digits) {
  using Limits = std::numeric_limits<double>;
  for (const double value : {Limits::min(), Limits::max(), Limits::denorm_min(), Limits::epsilon(), 5e-10, 1.5e-9, 1e15,
                             1e15 - 0.125, 1e15 + 2, 9007199254740993.0, 1e22, 1e6 - 1e-9, 1e6 + 1e-9, 1.0 / 3}) {
    check_number(value);
    check_number(-value);
  }
  std::uint64_t random = 88172645463325252u;
  for (int i = 0; i < 60'000; ++i) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    double any;
    std::memcpy(&any, &random, sizeof any);
    if (std::isfinite(any)) check_number(any);
    const auto magnitude = static_cast<double>(random >> 11 >> (i % 50));
    if (magnitude == 0) continue;
    check_number(magnitude / 1e9);
    check_number(magnitude / 8);
    check_number(magnitude / 977);
  }
}

TEST(integers_to_their_limits) {
  FlowRecord r = record();
  r.totlen_fwd_pkts = std::numeric_limits<std::uint64_t>::max();
  r.tot_fwd_pkts = std::numeric_limits<std::uint32_t>::max();
  r.src_port = 65535;
  r.protocol = 255;
  r.init_fwd_win_byts = std::numeric_limits<std::int32_t>::min();
  r.init_bwd_win_byts = -1;
  r.last_ns = std::numeric_limits<std::int64_t>::min();
  CHECK_EQ(csv(select({"totlen_fwd_pkts", "tot_fwd_pkts", "src_port", "protocol", "init_fwd_win_byts",
                       "init_bwd_win_byts", "last_ns"}),
               r),
           std::string("18446744073709551615,4294967295,65535,255,-2147483648,-1,-9223372036854775808\n"));
}

TEST(a_row_of_all_columns) {
  const FlowRecord r = record();
  const std::string line = csv(select({}), r);
  const std::vector<std::string> fields = split(line);
  CHECK_EQ(fields.size(), std::size_t{82});
  CHECK_EQ(line.substr(0, line.find(",0")), std::string("192.0.2.7,10.0.100.255,49152,443,6,1600000000.123456789"));
  for (std::size_t i = 6; i < fields.size(); ++i) CHECK_EQ(fields[i], std::string("0"));
  CHECK_EQ(line.back(), '\n');
}

template <class Field>
void assign(Field& field, std::uint8_t value) {
  if constexpr (std::is_arithmetic_v<Field>) field = value;
}

/// Every field holds another value, so that a column read from its neighbour's place shows.
TEST(each_column_comes_from_its_own_field) {
  FlowRecord r = record();
  std::vector<std::string> names;
  std::string expected;
  int next = 100;
#define X(name, type, unit, ...)                                       \
  if (Unit::unit != Unit::address && Unit::unit != Unit::time_point) { \
    const auto value = static_cast<std::uint8_t>(++next);              \
    assign(r.name, value);                                             \
    names.push_back(#name);                                            \
    expected += std::to_string(value) + ",";                           \
  }
  FLOWEDGE_ALL_COLUMNS(X)
#undef X
  expected.back() = '\n';
  CHECK_EQ(csv(select(names, Mode::engelen, NameScheme::cicflowmeter), r), expected);
}

TEST(times_of_day) {
  constexpr Mode kAny = Mode::netflower;
  CHECK_EQ(time_text(kFirstNs, kAny, NameScheme::netflower), std::string("1600000000.123456789"));
  CHECK_EQ(time_text(kFirstNs, kAny, NameScheme::cicflowmeter), std::string("13/09/2020 12:26:40 PM"));
  CHECK_EQ(time_text(kFirstNs, kAny, NameScheme::cicids2017), std::string("13/09/2020 12:26:40"));
  CHECK_EQ(time_text(kFirstNs, kAny, NameScheme::cse_cic_ids2018), std::string("13/09/2020 12:26:40"));
  CHECK_EQ(time_text(951'782'400'000'000'000, kAny, NameScheme::cicflowmeter), std::string("29/02/2000 12:00:00 AM"));
  CHECK_EQ(time_text(951'825'599'999'999'999, kAny, NameScheme::cicflowmeter), std::string("29/02/2000 11:59:59 AM"));
  CHECK_EQ(time_text(951'868'799'999'999'999, kAny, NameScheme::cicids2017), std::string("29/02/2000 23:59:59"));
}

TEST(engelen_writes_what_fraction_there_is) {
  const auto text = [](std::int64_t ns) { return time_text(ns, Mode::engelen, NameScheme::cicflowmeter); };
  CHECK_EQ(text(kFirstNs), std::string("2020-09-13 12:26:40.123456"));
  CHECK_EQ(text(1'600'000'000'120'000'000), std::string("2020-09-13 12:26:40.120"));
  CHECK_EQ(text(1'600'000'000'000'001'000), std::string("2020-09-13 12:26:40.000001"));
  CHECK_EQ(text(1'600'000'000'000'000'999), std::string("2020-09-13 12:26:40"));
}

TEST(times_before_1970_and_at_the_limits) {
  constexpr Mode kAny = Mode::netflower;
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  CHECK_EQ(time_text(-1, kAny, NameScheme::netflower), std::string("-0.000000001"));
  CHECK_EQ(time_text(kLeast, kAny, NameScheme::netflower), std::string("-9223372036.854775808"));
  CHECK_EQ(time_text(-1, kAny, NameScheme::cicids2017), std::string("31/12/1969 23:59:59"));
  CHECK_EQ(time_text(kLeast, kAny, NameScheme::cicids2017), std::string("21/09/1677 00:12:43"));
  CHECK_EQ(time_text(kMost, kAny, NameScheme::cicids2017), std::string("11/04/2262 23:47:16"));
  CHECK_EQ(time_text(-1, Mode::engelen, NameScheme::cicflowmeter), std::string("1969-12-31 23:59:59.999999"));
}

TEST(durations_in_the_unit_of_the_scheme) {
  FlowRecord r = record();
  r.flow_duration = 0.000123;
  r.flow_iat_mean = 0.1;
  CHECK_EQ(csv(select({"flow_duration", "flow_iat_mean"}, Mode::netflower, NameScheme::cicflowmeter), r),
           std::string("123,100000\n"));
  r.flow_duration = 123456789;
  r.flow_iat_mean = 0.5;
  CHECK_EQ(csv(select({"flow_duration", "flow_iat_mean"}, Mode::engelen, NameScheme::netflower), r),
           std::string("123.456789,0.0000005\n"));
  CHECK_EQ(csv(select({"flow_duration", "flow_iat_mean"}, Mode::engelen, NameScheme::cicflowmeter), r),
           std::string("123456789,0.5\n"));
}

TEST(flow_id_keeps_the_first_orientation) {
  FlowRecord r = record();
  const Selection selection = select({"flow_id", "src_ip"});
  CHECK_EQ(csv(selection, r), std::string("192.0.2.7-10.0.100.255-49152-443-6,192.0.2.7\n"));
  r.flow_id_reversed = 1;
  CHECK_EQ(csv(selection, r), std::string("10.0.100.255-192.0.2.7-443-49152-6,192.0.2.7\n"));
}

TEST(addresses_after_rfc_5952) {
  CHECK_EQ(address({}), std::string("::"));
  CHECK_EQ(address({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}), std::string("::1"));
  CHECK_EQ(address({0x20, 0x01, 0x0d, 0xb8}), std::string("2001:db8::"));
  CHECK_EQ(address({0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}), std::string("2001:db8:0:1:1:1:1:1"));
  CHECK_EQ(address({0x20, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1}), std::string("2001:0:0:1::1"));
  CHECK_EQ(address({0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1}), std::string("2001:db8::1:0:0:1"));
  CHECK_EQ(address({0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 0, 0, 0}), std::string("1:2:3:4:5:6::"));
  CHECK_EQ(address({0, 0, 0, 0, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8}), std::string("::3:4:5:6:7:8"));
  CHECK_EQ(address({0, 0, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8}), std::string("0:2:3:4:5:6:7:8"));
  CHECK_EQ(address(std::vector<std::uint8_t>(16, 0xff)), std::string("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
  const std::vector<std::uint8_t> mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 255, 255, 255, 255};
  CHECK_EQ(address(mapped, 4), std::string("255.255.255.255"));
  CHECK_EQ(address(mapped, 6), std::string("::ffff:255.255.255.255"));
}

TEST(csv_quotes_only_where_it_must) {
  const FlowRecord r = record();
  const auto label = [&](std::string text) {
    return csv(select({"label", "protocol"}, Mode::netflower, NameScheme::netflower, std::move(text)), r);
  };
  CHECK_EQ(label("DoS Hulk"), std::string("DoS Hulk,6\n"));
  CHECK_EQ(label(""), std::string(",6\n"));
  CHECK_EQ(label("a,b"), std::string("\"a,b\",6\n"));
  CHECK_EQ(label("say \"x\""), std::string("\"say \"\"x\"\"\",6\n"));
  CHECK_EQ(label("two\nlines"), std::string("\"two\nlines\",6\n"));
  CHECK_EQ(label("a\rb"), std::string("\"a\rb\",6\n"));
  CHECK_EQ(label(std::string(20'000, '"')).size(), std::size_t{40'000 + 2 + 3});
}

TEST(csv_header_is_the_selection) {
  std::string out = "before\n";
  append_csv_header(select({"src_ip", "Flow Duration"}, Mode::netflower, NameScheme::cicids2017), out);
  CHECK_EQ(out, std::string("before\n Source IP, Flow Duration\n"));
}

TEST(rows_are_appended) {
  const std::vector<FlowRecord> records(3, record());
  std::string out = "x";
  append_csv(select({"protocol"}), records.data(), records.size(), out);
  CHECK_EQ(out, std::string("x6\n6\n6\n"));
  append_csv(select({"protocol"}), records.data(), 0, out);
  CHECK_EQ(out.size(), std::size_t{7});
}

TEST(the_longest_row_has_room) {
  FlowRecord r;
  std::memset(&r, 0xff, sizeof r);
  for (std::size_t i = 0; i < kColumnCount; ++i) {
    const double longest = -2.2250738585072014e-308;
    if (kColumns[i].type != ColumnType::f64) continue;
    std::memcpy(reinterpret_cast<char*>(&r) + kColumns[i].offset, &longest, sizeof longest);
  }
  r.ip_version = 6;
  r.first_ns = std::numeric_limits<std::int64_t>::min();
  for (const NameScheme names : {NameScheme::netflower, NameScheme::cicflowmeter}) {
    const Selection selection = select({}, Mode::engelen, names, std::string(1000, '\1'));
    CHECK(csv(selection, r).size() > 1000);
    CHECK(jsonl(selection, r).size() > 1000);
  }
}

TEST(json_lines) {
  FlowRecord r = record();
  r.flow_duration = 1.5;
  r.flow_byts_s = std::nan("");
  r.flow_pkts_s = HUGE_VAL;
  CHECK_EQ(jsonl(select({"src_ip", "timestamp", "flow_duration", "flow_byts_s", "flow_pkts_s", "flow_id", "label"}), r),
           std::string("{\"src_ip\":\"192.0.2.7\",\"timestamp\":1600000000.123456789,\"flow_duration\":1.5,"
                       "\"flow_byts_s\":null,\"flow_pkts_s\":null,"
                       "\"flow_id\":\"192.0.2.7-10.0.100.255-49152-443-6\",\"label\":\"BENIGN\"}\n"));
}

TEST(json_escapes_and_quotes_times) {
  const FlowRecord r = record();
  CHECK_EQ(jsonl(select({"label", "timestamp"}, Mode::netflower, NameScheme::cicids2017, "\"\\\n\x1f\x7f\u00e9"), r),
           std::string("{\" Label\":\"\\\"\\\\\\u000a\\u001f\x7f\u00e9\",\" Timestamp\":\"13/09/2020 12:26:40\"}\n"));
}

TEST(json_names_differ) {
  const std::string line = jsonl(select({}, Mode::netflower, NameScheme::cicids2017), record());
  const std::size_t first = line.find("Fwd Header Length");
  CHECK(first != std::string::npos);
  CHECK(line.find("Fwd Header Length", first + 1) == std::string::npos);
}

}  // namespace
