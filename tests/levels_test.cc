// A file of src/braid includes only its own module and modules on lower levels (tools/levels.txt).
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <utility>

namespace braid {
namespace {

namespace fs = std::filesystem;

using Edges = std::set<std::pair<std::string, std::string>>;

struct Levels {
  std::map<std::string, int> level_of;  // by module
  Edges edges;                          // allowed within one level
  Edges test_edges;                     // allowed for tests only
};

Levels read_levels(const fs::path& file) {
  Levels levels;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    line = line.substr(0, line.find('#'));
    std::istringstream words(line);
    std::string first;
    if (!(words >> first)) continue;
    if (first.find_first_not_of("0123456789") == std::string::npos) {
      for (std::string module; words >> module;) levels.level_of[module] = std::stoi(first);
      continue;
    }
    Edges& edges = first == "tests:" ? levels.test_edges : levels.edges;
    std::string from = first;
    if (first == "tests:") words >> from;
    std::string arrow;
    std::string to;
    words >> arrow >> to;
    edges.emplace(from, to);
  }
  return levels;
}

// The innermost folder of a path below src/braid that is a listed module; if there is none, its outermost folder.
std::string module_of(const Levels& levels, const fs::path& path) {
  for (fs::path folder = path; !folder.empty(); folder = folder.parent_path()) {
    if (levels.level_of.contains(folder.string())) return folder.string();
  }
  return path.begin()->string();
}

// Whether a file is compiled into tests only.
bool is_test(const fs::path& path) {
  const std::string name = path.stem().string();
  if (name.ends_with("_test") || name.ends_with("_fuzz")) return true;
  return std::ranges::find(path, "simulation") != path.end();
}

// "" if `from` may include `to`, otherwise why not.
std::string violation(const Levels& levels, const std::string& from, const std::string& to, bool is_test = false) {
  if (from == to) return "";
  if (!levels.level_of.contains(from)) return "module " + from + " is not in tools/levels.txt";
  if (!levels.level_of.contains(to)) return "module " + to + " is not in tools/levels.txt";
  if (levels.level_of.at(to) < levels.level_of.at(from) || levels.edges.contains({from, to})) return "";
  if (is_test && levels.test_edges.contains({from, to})) return "";
  return from + " (level " + std::to_string(levels.level_of.at(from)) + ") includes " + to + " (level " +
         std::to_string(levels.level_of.at(to)) + ")";
}

TEST(Levels, OnlyALowerLevelMayBeIncluded) {
  const Levels levels{.level_of = {{"a", 0}, {"b", 1}, {"c", 1}}, .edges = {{"b", "c"}}, .test_edges = {{"c", "b"}}};
  EXPECT_EQ(violation(levels, "b", "a"), "");
  EXPECT_EQ(violation(levels, "b", "c"), "");
  EXPECT_NE(violation(levels, "c", "b"), "");
  EXPECT_EQ(violation(levels, "c", "b", true), "");
  EXPECT_NE(violation(levels, "a", "b"), "");
  EXPECT_NE(violation(levels, "a", "nowhere"), "");
}

TEST(Levels, AFolderInsideAModuleMayBeItsOwnModule) {
  const Levels levels{.level_of = {{"server/http", 1}, {"kv", 0}}};
  EXPECT_EQ(module_of(levels, "server/http/inner/client.h"), "server/http");
  EXPECT_EQ(module_of(levels, "server/unknown/a.h"), "server");
  EXPECT_EQ(module_of(levels, "kv/kv_cache.h"), "kv");
}

TEST(Levels, NoFileIncludesAHigherLevel) {
  const Levels levels = read_levels("tools/levels.txt");
  ASSERT_GT(levels.level_of.size(), 10U);
  int includes = 0;
  for (const auto& entry : fs::recursive_directory_iterator("src/braid")) {
    const auto extension = entry.path().extension();
    if (extension != ".cc" && extension != ".h" && extension != ".cu") continue;
    const fs::path path = fs::relative(entry.path(), "src/braid");
    const std::string from = module_of(levels, path);
    std::ifstream in(entry.path());
    const std::string prefix = "#include \"braid/";
    for (std::string line; std::getline(in, line);) {
      if (!line.starts_with(prefix)) continue;
      ++includes;
      const std::string target = line.substr(prefix.size(), line.find('"', prefix.size()) - prefix.size());
      EXPECT_EQ(violation(levels, from, module_of(levels, target), is_test(path)), "") << entry.path();
    }
  }
  EXPECT_GT(includes, 0);
}

}  // namespace
}  // namespace braid
