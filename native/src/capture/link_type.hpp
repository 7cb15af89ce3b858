#pragma once
/// Link types whose number in files (LINKTYPE_) is not that in libpcap's interface (DLT_) on every system
/// (pcap-linktype(7)).
#include <pcap/pcap.h>

#include <cstdint>

namespace flowedge {

struct LinkTypeNumbers {
  std::uint16_t link_type;
  int data_link_type;
};

// clang-format off
inline constexpr LinkTypeNumbers kLinkTypeNumbers[] = {
    {101, DLT_RAW},  // first: what DLT_RAW is in files
    {12, DLT_RAW},   // DLT_RAW of most systems, and
    {14, DLT_RAW},   // that of OpenBSD and BSD/OS, in files of programs that wrote it as it was
    {50, DLT_PPP_SERIAL},
    {100, DLT_ATM_RFC1483},
    {102, DLT_SLIP_BSDOS},
    {103, DLT_PPP_BSDOS},
    {104, DLT_C_HDLC},
    {106, DLT_ATM_CLIP},
    {108, DLT_LOOP},
    {109, DLT_ENC},
};
// clang-format on

inline int data_link_type_of(std::uint16_t link_type) {
  for (const LinkTypeNumbers& numbers : kLinkTypeNumbers) {
    if (numbers.link_type == link_type) return numbers.data_link_type;
  }
  return link_type;
}

inline std::uint16_t link_type_of(int data_link_type) {
  for (const LinkTypeNumbers& numbers : kLinkTypeNumbers) {
    if (numbers.data_link_type == data_link_type) return numbers.link_type;
  }
  return static_cast<std::uint16_t>(data_link_type);
}

}  // namespace flowedge
