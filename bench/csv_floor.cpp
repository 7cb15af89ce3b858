// csv_floor ROWS OUT.csv
//
// The least that a CSV row of the 82 features costs: made-up values (35 identifiers and integers, 47 doubles), written
// with std::to_chars' shortest text that reads back to the same double. Prints one line of JSON.
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

namespace {

constexpr int kIntegers = 30;
constexpr int kDoubles = 47;
constexpr std::size_t kDistinctRows = 1024;
constexpr std::size_t kMaxRow = 8192;

class Random {  // xorshift64 (Marsaglia)
 public:
  std::uint64_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    return state_ ^= state_ << 17;
  }

 private:
  std::uint64_t state_ = 88172645463325252u;
};

struct Values {
  std::vector<double> doubles;
  std::vector<std::uint64_t> integers;
};

// Zeros, whole numbers and fractions, as the columns of real flows have them.
double make_double(std::uint64_t random, int column) {
  if (column % 4 == 0 && (random & 3)) return 0.0;
  const double divisor = column % 3 == 0 ? 1.0 : column % 3 == 1 ? 977.0 : 1e5;
  return static_cast<double>(random >> 40) / divisor;
}

Values make_values() {
  Random random;
  Values values;
  for (std::size_t i = 0; i < kDistinctRows * kDoubles; i++)
    values.doubles.push_back(make_double(random.next(), static_cast<int>(i % kDoubles)));
  for (std::size_t i = 0; i < kDistinctRows * kIntegers; i++) values.integers.push_back(random.next() >> (40 + i % 24));
  return values;
}

struct Row {
  char text[kMaxRow];
  char* end = text;

  template <typename Number>
  void append(Number number, char after) {
    end = std::to_chars(end, text + kMaxRow, number).ptr;
    *end++ = after;
  }
};

void append_address(Row& row, std::uint32_t address) {
  for (int octet = 0; octet < 4; octet++) row.append(address >> (8 * octet) & 255, octet < 3 ? '.' : ',');
}

void fill_row(Row& row, std::uint32_t number, const std::uint64_t* integers, const double* doubles) {
  const std::uint32_t address = static_cast<std::uint32_t>(integers[0]) * 2654435761u + number;
  row.end = row.text;
  for (int side = 0; side < 2; side++) append_address(row, address);
  for (int port = 1; port <= 2; port++) row.append(integers[port] & 65535, ',');
  row.append(6, ',');
  for (int i = 0; i < kIntegers; i++) row.append(integers[i], ',');
  for (int i = 0; i < kDoubles; i++) row.append(doubles[i], ',');
  row.end[-1] = '\n';
}

std::size_t write_rows(const Values& values, long rows, std::FILE* out) {
  Row row;
  std::size_t octets = 0;
  for (long number = 0; number < rows; number++) {
    const std::size_t distinct = static_cast<std::size_t>(number) % kDistinctRows;
    fill_row(row, static_cast<std::uint32_t>(number), &values.integers[distinct * kIntegers],
             &values.doubles[distinct * kDoubles]);
    octets += std::fwrite(row.text, 1, static_cast<std::size_t>(row.end - row.text), out);
  }
  return octets;
}

long long now_ns(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1'000'000'000ll + t.tv_nsec;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fputs("usage: csv_floor ROWS OUT.csv\n", stderr), 2;
  const long rows = std::atol(argv[1]);
  const Values values = make_values();
  std::FILE* out = std::fopen(argv[2], "wb");
  if (!out || std::setvbuf(out, nullptr, _IOFBF, 1 << 20)) return std::perror(argv[2]), 1;
  const long long wall_start = now_ns(CLOCK_MONOTONIC), cpu_start = now_ns(CLOCK_PROCESS_CPUTIME_ID);
  const std::size_t octets = write_rows(values, rows, out);
  if (std::fclose(out)) return std::perror(argv[2]), 1;
  std::printf("{\"rows\": %ld, \"octets\": %zu, \"wall_ns\": %lld, \"cpu_ns\": %lld}\n", rows, octets,
              now_ns(CLOCK_MONOTONIC) - wall_start, now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_start);
  return 0;
}
