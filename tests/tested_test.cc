// Every source of src/braid has its test: x_test.cc beside x.cc, or files that x.h or x.cc names ("Tested by
// y_test.cc").
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <vector>

namespace braid {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& file) {
  std::ifstream in(file);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// The files that follow "Tested by" in a source's comments, up to the end of the sentence: tests and folders of tests.
std::vector<std::string> named_tests(const std::string& text) {
  static const std::regex kTestedBy(R"([Tt]ested(?: |\n *// )by\s)");
  static const std::regex kFile(R"([\w./-]*(?:_test\.cc|_fuzz\.cc|\.py)\b|tests/[\w/]+)");
  std::vector<std::string> names;
  for (std::sregex_iterator it(text.begin(), text.end(), kTestedBy), end; it != end; ++it) {
    const auto from = static_cast<size_t>(it->position());
    const std::string sentence = text.substr(from, std::min(text.find(". ", from), text.find(".\n", from)) - from);
    for (std::sregex_iterator file(sentence.begin(), sentence.end(), kFile); file != end; ++file) {
      names.push_back(file->str());
    }
  }
  return names;
}

// What `name` can mean in a file of `folder`: a path from the tree's root, from that folder, or from a folder above it
// up to src/braid, such as the module's.
std::vector<std::string> possible_paths(fs::path folder, const std::string& name) {
  std::vector<std::string> paths = {name};
  for (; folder != "src" && !folder.empty(); folder = folder.parent_path()) paths.push_back((folder / name).string());
  return paths;
}

bool is_source(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.ends_with(".cc") && !name.ends_with("_test.cc") && !name.ends_with("_fuzz.cc");
}

TEST(Tested, NamesAreReadToTheEndOfTheSentence) {
  EXPECT_EQ(named_tests("// A file.\n#include <a>\n"), std::vector<std::string>());
  EXPECT_EQ(named_tests("// A file. Tested by a_test.cc. Not b_test.cc.\n"), std::vector<std::string>{"a_test.cc"});
  EXPECT_EQ(named_tests("// A file. Tested\n// by a_test.cc,\n// ../b/c_test.cc (parts) and d_fuzz.cc, through e.\n"),
            (std::vector<std::string>{"a_test.cc", "../b/c_test.cc", "d_fuzz.cc"}));
  EXPECT_EQ(named_tests("  // f is tested by tests/e2e/test_a.py and tests/e2e.\n"),
            (std::vector<std::string>{"tests/e2e/test_a.py", "tests/e2e"}));
}

TEST(Tested, ANameIsRelativeToAFolderAboveTheFileOrToTheRoot) {
  EXPECT_EQ(possible_paths("src/braid/kv/inner", "a_test.cc"),
            (std::vector<std::string>{"a_test.cc", "src/braid/kv/inner/a_test.cc", "src/braid/kv/a_test.cc",
                                      "src/braid/a_test.cc"}));
}

TEST(Tested, TestsAndFuzzersAreNoSources) {
  EXPECT_TRUE(is_source("src/braid/kv/page.cc"));
  EXPECT_FALSE(is_source("src/braid/kv/page.h"));
  EXPECT_FALSE(is_source("src/braid/kv/page_test.cc"));
  EXPECT_FALSE(is_source("src/braid/kv/page_fuzz.cc"));
}

TEST(Tested, EverySourceHasATestBesideItOrNamesOne) {
  int num_sources = 0;
  for (const auto& entry : fs::recursive_directory_iterator("src/braid")) {
    if (!is_source(entry.path())) continue;
    ++num_sources;
    const fs::path stem = fs::path(entry.path()).replace_extension();
    if (fs::exists(stem.string() + "_test.cc")) continue;
    const std::string text = text_of(stem.string() + ".h") + text_of(entry.path());
    EXPECT_FALSE(named_tests(text).empty()) << entry.path() << " has no test beside it and names none";
  }
  EXPECT_GT(num_sources, 100);
}

TEST(Tested, EveryNamedTestExists) {
  int num_names = 0;
  for (const auto& entry : fs::recursive_directory_iterator("src/braid")) {
    if (entry.path().extension() != ".h" && !is_source(entry.path())) continue;
    for (const std::string& name : named_tests(text_of(entry.path()))) {
      ++num_names;
      const std::vector<std::string> paths = possible_paths(entry.path().parent_path(), name);
      EXPECT_TRUE(std::ranges::any_of(paths, [](const std::string& path) { return fs::exists(path); }))
          << entry.path() << ": there is no " << name;
    }
  }
  EXPECT_GT(num_names, 100);
}

}  // namespace
}  // namespace braid
