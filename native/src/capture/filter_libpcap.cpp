#include "flowedge/filter.hpp"

#if FLOWEDGE_HAVE_LIBPCAP
#include <memory>

#include "filter_libpcap.hpp"
#include "link_type.hpp"
#endif

namespace flowedge {

#if FLOWEDGE_HAVE_LIBPCAP
namespace {

constexpr int kSnaplen = 262144;  // libpcap's largest; the program answers with it

bool compile(const std::string& expression, std::uint16_t link_type, BpfProgram& program, std::string& problem) {
  const std::unique_ptr<pcap_t, void (*)(pcap_t*)> handle(pcap_open_dead(data_link_type_of(link_type), kSnaplen),
                                                          pcap_close);
  if (handle) return compile_filter(handle.get(), expression, program, problem);
  problem = "not enough memory";
  return false;
}

}  // namespace

bool compile_filter(pcap_t* handle, const std::string& expression, BpfProgram& program, std::string& problem) {
  bpf_program compiled;
  if (pcap_compile(handle, &compiled, expression.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0) {
    problem = pcap_geterr(handle);
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

FilterCompiler libpcap_compiler() {
  return compile;
}
#else
FilterCompiler libpcap_compiler() {
  return {};
}
#endif

}  // namespace flowedge
