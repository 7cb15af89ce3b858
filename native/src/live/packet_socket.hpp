#pragma once
#include <string>

#include "flowedge/filter.hpp"

namespace flowedge {

/// What libpcap leaves to be done on the packet socket below it (packet(7)). Does not own the descriptor.
class PacketSocket {
 public:
  explicit PacketSocket(int descriptor) : descriptor_(descriptor) {}

  /// Index of the interface: 0 for all of them, -1 once it is gone; kNotASocket if this is no packet socket.
  int interface() const;
  static constexpr int kNotASocket = -2;
  /// Index of the interface that has this name now; 0 if none has.
  int index_of(const std::string& name) const;

  /// From now on only frames pass for which the program returns other than 0; false with errno.
  bool attach(const BpfProgram& program) const;

  /// Joins the fanout group, or makes a new one (kNewGroup). Returns its number, or -1 with errno.
  int join_fanout(int group) const;

  /// Sleeps until there is something to read, or for so long.
  void wait(int milliseconds) const;

 private:
  int descriptor_;
};

}  // namespace flowedge
