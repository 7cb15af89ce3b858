#include "port_set.hpp"

#include <algorithm>

namespace flowedge {

void PortSet::insert(std::uint16_t port) {
  if (many_) {
    many_->set(port);
    return;
  }
  const auto place = std::lower_bound(few_.begin(), few_.end(), port);
  if (place != few_.end() && *place == port) return;
  if (few_.size() < kListed) {
    few_.insert(place, port);
    return;
  }
  many_ = std::make_unique<Bits>();
  for (const std::uint16_t known : few_) many_->set(known);
  many_->set(port);
  few_ = {};
}

std::vector<std::uint16_t> PortSet::listed() const {
  if (!many_) return few_;
  std::vector<std::uint16_t> lowest;
  for (std::size_t port = 0; lowest.size() < kListed; ++port) {
    if (many_->test(port)) lowest.push_back(static_cast<std::uint16_t>(port));
  }
  return lowest;
}

}  // namespace flowedge
