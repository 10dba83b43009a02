// Runs a fuzz target on every file of its corpus, as an ordinary test: an input that once broke it is tried in every
// build.
//   corpus_replay TARGET FOLDER
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <vector>

// fuzz_targets.inc has a line BRAID_FUZZ_TARGET(name) for each target (cmake/braid_module.cmake makes it).
#define BRAID_FUZZ_TARGET(name) extern "C" int name(const uint8_t* data, size_t size);
#include "fuzz_targets.inc"
#undef BRAID_FUZZ_TARGET

namespace {

struct Target {
  std::string_view name;
  int (*run)(const uint8_t* data, size_t size);
};

constexpr Target kTargets[] = {
#define BRAID_FUZZ_TARGET(name) {#name, name},
#include "fuzz_targets.inc"
#undef BRAID_FUZZ_TARGET
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: corpus_replay TARGET FOLDER\n");
    return 2;
  }
  int count = 0;
  for (const Target& target : kTargets) {
    if (target.name != argv[1]) continue;
    for (const auto& entry : std::filesystem::directory_iterator(argv[2])) {
      std::ifstream in(entry.path(), std::ios::binary);
      const std::vector<char> bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
      target.run(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
      ++count;
    }
  }
  std::printf("%d inputs replayed\n", count);
  return count > 0 ? 0 : 1;
}
