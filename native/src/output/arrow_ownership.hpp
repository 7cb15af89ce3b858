#pragma once
#include <cstdint>
#include <memory>
#include <new>
#include <stdexcept>
#include <vector>

#include "flowedge/arrow.hpp"

// Ownership, after the specification: a structure's private_data owns all that it points to, and a parent owns
// its children's structures, but a consumer may move a child out (copy the structure and null its `release`).
// So each child has private data of its own, and a parent releases the children that are still there.

namespace flowedge {

template <class Structure>
void release_if_there(Structure& structure) {
  if (structure.release != nullptr) structure.release(&structure);
}

/// The children of a schema or of an array; what has not been moved out is released with them.
template <class Structure>
class Children {
 public:
  Children() = default;
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;
  ~Children() {
    for (const auto& child : owned_) release_if_there(*child);
  }

  /// A new child, all zero.
  Structure* append() {
    owned_.push_back(std::make_unique<Structure>());
    pointers_.push_back(owned_.back().get());
    return pointers_.back();
  }
  Structure** pointers() { return pointers_.data(); }
  std::int64_t size() const { return static_cast<std::int64_t>(pointers_.size()); }

 private:
  std::vector<std::unique_ptr<Structure>> owned_;
  std::vector<Structure*> pointers_;
};

/// The `release` of a structure whose private data is a `Data`.
template <class Structure, class Data>
void release(Structure* structure) {
  delete static_cast<Data*>(structure->private_data);
  structure->release = nullptr;
}

/// Runs what may throw; whatever was made by then has been released on the way out.
template <class Make>
bool made(Make make) {
  try {
    make();
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  } catch (const std::length_error&) {
    return false;
  }
}

}  // namespace flowedge
