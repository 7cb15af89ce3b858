#include "flow_file_name.hpp"

#include <algorithm>
#include <charconv>

#include "flowedge/address_text.hpp"

namespace flowedge {
namespace {

constexpr std::string_view kPartPrefix = ".flowedge-";
constexpr std::string_view kPartSuffix = ".part";

/// No file name on Windows and macOS may hold a ":", and the folder may be theirs.
std::string address_in_name(const Address& address, std::uint8_t ip_version) {
  char text[kMaxAddressText];
  char* const end = write_address(text, address, ip_version);
  std::replace(text, end, ':', '_');
  return {text, end};
}

/// Takes `text` from the front of `name`.
bool take(std::string_view& name, std::string_view text) {
  if (name.substr(0, text.size()) != text) return false;
  name.remove_prefix(text.size());
  return true;
}

/// Takes a number without sign and leading zeros from the front of `name`.
template <class Number>
bool take_number(std::string_view& name, Number& number) {
  if (name.empty() || name.front() < '1' || name.front() > '9') return false;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  name.remove_prefix(static_cast<std::size_t>(end - name.data()));
  return error == std::errc();
}

}  // namespace

std::string flow_file_stem(const FlowRecord& record) {
  std::string stem = address_in_name(record.src_ip, record.ip_version);
  stem += '-' + std::to_string(record.src_port);
  stem += '-' + address_in_name(record.dst_ip, record.ip_version);
  stem += '-' + std::to_string(record.dst_port);
  stem += '-' + std::to_string(record.protocol);
  return stem + '-' + std::to_string(record.first_ns / 1000);
}

std::string part_name(const PartOwner& owner, std::uint64_t number) {
  std::string name(kPartPrefix);
  name += std::to_string(owner.process) + '-' + std::to_string(owner.saver) + '-' + std::to_string(number);
  return name += kPartSuffix;
}

std::optional<PartOwner> owner_of_part(std::string_view name) {
  PartOwner owner{};
  std::uint64_t number = 0;
  const bool is_part = take(name, kPartPrefix) && take_number(name, owner.process) && take(name, "-") &&
                       take_number(name, owner.saver) && take(name, "-") && take_number(name, number) &&
                       name == kPartSuffix;
  return is_part ? std::optional(owner) : std::nullopt;
}

}  // namespace flowedge
