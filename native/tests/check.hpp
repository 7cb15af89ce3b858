#pragma once
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

/// A test file is: TEST(name) { CHECK(...); CHECK_EQ(a, b); } ... and one program with the main() of check.cpp.
namespace check {

struct Test {
  const char* name;
  void (*body)();
};
std::vector<Test>& tests();
[[noreturn]] void fail(const char* file, int line, const std::string& what);

struct Registration {
  Registration(const char* name, void (*body)()) { tests().push_back({name, body}); }
};

template <class A, class B>
void equal(const A& a, const B& b, const char* text, const char* file, int line) {
  if (a == b) return;
  std::ostringstream message;
  message << text << ": " << +a << " is not " << +b;
  fail(file, line, message.str());
}
inline void equal(const std::string& a, const std::string& b, const char* text, const char* file, int line) {
  if (a != b) fail(file, line, std::string(text) + ": \"" + a + "\" is not \"" + b + "\"");
}

}  // namespace check

#define TEST(name)                                                        \
  static void test_##name();                                              \
  static const check::Registration registered_##name{#name, test_##name}; \
  static void test_##name()
#define CHECK(condition) \
  if (!(condition)) check::fail(__FILE__, __LINE__, #condition)
#define CHECK_EQ(a, b) check::equal((a), (b), #a " == " #b, __FILE__, __LINE__)
