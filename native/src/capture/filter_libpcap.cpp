#include "flowedge/filter.hpp"

#if FLOWEDGE_HAVE_LIBPCAP
#include <pcap/pcap.h>

#include <memory>
#endif

namespace flowedge {

#if FLOWEDGE_HAVE_LIBPCAP
namespace {

constexpr int kSnaplen = 262144;  // libpcap's largest; the program answers with it

/// Link types whose number in files is not that in libpcap's interface on every system (pcap-linktype(7)).
int data_link_type(std::uint16_t link_type) {
  switch (link_type) {
    case 12:  // DLT_RAW of most systems, and
    case 14:  // that of OpenBSD and BSD/OS, in files of programs that wrote it as it was
    case 101:
      return DLT_RAW;
    case 50:
      return DLT_PPP_SERIAL;
    case 100:
      return DLT_ATM_RFC1483;
    case 102:
      return DLT_SLIP_BSDOS;
    case 103:
      return DLT_PPP_BSDOS;
    case 104:
      return DLT_C_HDLC;
    case 106:
      return DLT_ATM_CLIP;
    case 108:
      return DLT_LOOP;
    case 109:
      return DLT_ENC;
    default:
      return link_type;
  }
}

bool compile(const std::string& expression, std::uint16_t link_type, BpfProgram& program, std::string& problem) {
  const std::unique_ptr<pcap_t, void (*)(pcap_t*)> handle(pcap_open_dead(data_link_type(link_type), kSnaplen),
                                                          pcap_close);
  if (!handle) {
    problem = "not enough memory";
    return false;
  }
  bpf_program compiled;
  if (pcap_compile(handle.get(), &compiled, expression.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0) {
    problem = pcap_geterr(handle.get());
    return false;
  }
  program.clear();
  for (unsigned i = 0; i < compiled.bf_len; ++i) {
    const bpf_insn& from = compiled.bf_insns[i];
    program.push_back({from.code, from.jt, from.jf, from.k});
  }
  pcap_freecode(&compiled);
  return true;
}

}  // namespace

FilterCompiler libpcap_compiler() {
  return compile;
}
#else
FilterCompiler libpcap_compiler() {
  return {};
}
#endif

}  // namespace flowedge
