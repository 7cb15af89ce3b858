// The first octet decides into what pieces the source cuts the rest, which must not change what is read.
#include <cstdlib>

#include "../tests/memory_source.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::vector<std::uint8_t> octets(data + 1, data + size);
  MemorySource in_pieces(octets, data[0] % 64U + 1, data[0]);
  if (!(read_all(in_pieces, data[0] % 7U + 1) == read_all(octets))) std::abort();
  return 0;
}
