#include "check.hpp"

namespace check {

std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}

void fail(const char* file, int line, const std::string& what) {
  std::fprintf(stderr, "%s:%d: %s\n", file, line, what.c_str());
  std::abort();  // a sanitizer or debugger then shows where
}

}  // namespace check

int main() {
  for (const check::Test& test : check::tests()) {
    std::printf("  %s\n", test.name);
    std::fflush(stdout);
    test.body();
  }
  std::printf("%zu passed\n", check::tests().size());
}
