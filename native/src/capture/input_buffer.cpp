#include <cstring>
#include <new>
#include <utility>

#include "capture_format.hpp"

namespace flowedge {

InputBuffer::Refill InputBuffer::refill() {
  if (!make_room()) return Refill::failed;
  const std::ptrdiff_t got = source_.read(octets_.get() + end_, capacity_ - end_);
  if (got == -2) return Refill::interrupted;
  if (got < 0) return Refill::failed;
  if (got == 0) return Refill::ended;
  end_ += static_cast<std::size_t>(got);
  octets_read_ += static_cast<std::uint64_t>(got);
  return Refill::grown;
}

/// Grows only when every octet of the buffer belongs to one unfinished record: a length that a file merely
/// claims costs nothing.
bool InputBuffer::make_room() {
  const std::size_t kept = size();
  if (kept < capacity_) {
    if (begin_ > 0) std::memmove(octets_.get(), data(), kept);
  } else {
    const std::size_t capacity = capacity_ == 0 ? kInitialCapacity : capacity_ * 2;
    std::unique_ptr<std::uint8_t[]> larger(new (std::nothrow) std::uint8_t[capacity]);
    if (!larger) return false;
    if (kept > 0) std::memcpy(larger.get(), data(), kept);
    octets_ = std::move(larger);
    capacity_ = capacity;
  }
  begin_ = 0;
  end_ = kept;
  return true;
}

}  // namespace flowedge
