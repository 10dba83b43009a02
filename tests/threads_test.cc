// ThreadSanitizer skips the tests of modules without threads (src/braid/CMakeLists.txt): they must have none.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>

namespace braid {
namespace {

namespace fs = std::filesystem;

// Whether a file includes a header that threads need.
bool uses_threads(const fs::path& file) {
  static const std::regex kHeader(
      R"(#include (<(atomic|barrier|condition_variable|future|latch|mutex|semaphore|shared_mutex|stop_token|thread)>)"
      R"(|"braid/base/thread_team.h"))");
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (std::regex_search(line, kHeader)) return true;
  }
  return false;
}

TEST(Threads, AreOnlyWhereThreadSanitizerLooks) {
  std::ifstream in("src/braid/CMakeLists.txt");
  const std::string text(std::istreambuf_iterator<char>(in), {});
  static const std::regex kModule(R"(braid_module\(NAME (\S+)([^)]*)\))");
  int num_modules = 0;
  for (std::sregex_iterator it(text.begin(), text.end(), kModule), end; it != end; ++it) {
    const std::string module = (*it)[1];
    const std::string arguments = (*it)[2];
    const bool is_without = arguments.find("WITHOUT_THREADS") != std::string::npos;
    const bool is_in_part = arguments.find("THREADED_TESTS") != std::string::npos;
    if (!is_without && !is_in_part) continue;
    ++num_modules;
    for (const auto& entry : fs::recursive_directory_iterator("src/braid/" + module)) {
      const std::string name = entry.path().filename().string();
      const bool is_test = name.ends_with("_test.cc");
      const bool is_listed = arguments.find(name) != std::string::npos;
      if (!entry.is_regular_file() || is_listed || (is_in_part && !is_test)) continue;
      EXPECT_FALSE(uses_threads(entry.path())) << entry.path() << ": name it in THREADED_TESTS of " << module;
    }
  }
  EXPECT_GT(num_modules, 0);
}

}  // namespace
}  // namespace braid
