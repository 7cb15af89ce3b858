#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

#include "flowedge/slab.hpp"

namespace flowedge {

/// Neighbours of a flow in a list. A flow is in one list of a kind at a time.
struct FlowLinks {
  std::uint32_t previous;
  std::uint32_t next;
};

/// Doubly linked lists of flow numbers over one array of links: a fixed set of them, told apart by number.
/// The first flow of a list has the list itself as its previous neighbour, so that it can be taken out by its
/// number alone.
class FlowLists {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;

  FlowLists(Slab<FlowLinks>& links, std::uint32_t* heads, std::uint32_t lists) : links_(links), heads_(heads) {
    for (std::uint32_t i = 0; i < lists; ++i) heads_[i] = kNone;
  }

  std::uint32_t head(std::uint32_t list) const { return heads_[list]; }

  void push_front(std::uint32_t list, std::uint32_t flow) {
    const std::uint32_t second = heads_[list];
    links_[flow] = {kListBit | list, second};
    if (second != kNone) links_[second].previous = flow;
    heads_[list] = flow;
  }

  void remove(std::uint32_t flow) {
    const FlowLinks links = links_[flow];
    if (links.next != kNone) links_[links.next].previous = links.previous;
    if ((links.previous & kListBit) != 0) {
      heads_[links.previous & ~kListBit] = links.next;
    } else {
      links_[links.previous].next = links.next;
    }
  }

 private:
  static constexpr std::uint32_t kListBit = 0x80000000;
  Slab<FlowLinks>& links_;
  std::uint32_t* heads_;
};

/// A queue of flows, oldest first; any of them can leave early. It keeps the order of last use in a bounded table.
class FlowQueue {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;

  explicit FlowQueue(Slab<FlowLinks>& links) : links_(links) {}

  std::uint32_t oldest() const { return oldest_; }

  void push(std::uint32_t flow) {
    links_[flow] = {newest_, kNone};
    (newest_ == kNone ? oldest_ : links_[newest_].next) = flow;
    newest_ = flow;
  }

  void remove(std::uint32_t flow) {
    const FlowLinks links = links_[flow];
    (links.previous == kNone ? oldest_ : links_[links.previous].next) = links.next;
    (links.next == kNone ? newest_ : links_[links.next].previous) = links.previous;
  }

 private:
  Slab<FlowLinks>& links_;
  std::uint32_t oldest_ = kNone;
  std::uint32_t newest_ = kNone;
};

}  // namespace flowedge
