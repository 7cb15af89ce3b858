#include "flowedge/address_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace flowedge {
namespace {

/// An octet in decimal and a full stop.
struct OctetText {
  char text[4];
};

constexpr std::size_t digits_of(std::size_t octet) {
  return octet < 10 ? 1 : octet < 100 ? 2 : 3;
}

constexpr auto kOctetTexts = [] {
  std::array<OctetText, 256> table{};
  for (std::size_t octet = 0; octet < table.size(); ++octet) {
    std::size_t end = digits_of(octet);
    table[octet].text[end] = '.';
    for (std::size_t rest = octet; end > 0; rest /= 10) table[octet].text[--end] = static_cast<char>('0' + rest % 10);
  }
  return table;
}();

/// Copies four octets of text whatever the length, and so up to three too many.
char* write_ipv4(char* to, const std::uint8_t* octets) {
  for (int i = 0; i < 4; ++i) {
    std::memcpy(to, kOctetTexts[octets[i]].text, sizeof(OctetText));
    to += digits_of(octets[i]) + 1;
  }
  return to - 1;
}

using Groups = std::array<unsigned, 8>;

Groups groups_of(const Address& address) {
  Groups groups{};
  for (std::size_t i = 0; i < 8; ++i) groups[i] = unsigned{address.octets[2 * i]} << 8 | address.octets[2 * i + 1];
  return groups;
}

/// The first of the longest runs of two or more zero groups: [begin, end), empty if there is none.
struct ZeroRun {
  std::size_t begin = 0;
  std::size_t end = 0;
};

ZeroRun longest_zero_run(const Groups& groups) {
  ZeroRun longest;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    if (groups[i] != 0) begin = i + 1;
    const std::size_t length = i + 1 - begin;
    if (length >= 2 && length > longest.end - longest.begin) longest = {begin, i + 1};
  }
  return longest;
}

bool is_v4_mapped(const Address& address) {
  static constexpr std::array<std::uint8_t, 12> kPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::equal(kPrefix.begin(), kPrefix.end(), address.octets.begin());
}

char* write_ipv6(char* to, const Address& address) {
  const Groups groups = groups_of(address);
  const ZeroRun zeros = longest_zero_run(groups);
  for (std::size_t i = 0; i < 8;) {
    if (i == zeros.begin && zeros.end != 0) {
      std::memcpy(to, "::", 2);
      to += 2;
      i = zeros.end;
      continue;
    }
    if (i != 0 && i != zeros.end) *to++ = ':';
    to = std::to_chars(to, to + 4, groups[i++], 16).ptr;
  }
  return to;
}

}  // namespace

char* write_address(char* to, const Address& address, std::uint8_t ip_version) {
  if (ip_version == 4) return write_ipv4(to, &address.octets[12]);
  if (!is_v4_mapped(address)) return write_ipv6(to, address);
  std::memcpy(to, "::ffff:", 7);
  return write_ipv4(to + 7, &address.octets[12]);
}

}  // namespace flowedge
