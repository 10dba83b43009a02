// Two types of one name in one namespace are undefined behaviour that nothing reports: the linker keeps one of their
// destructors for both.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <istream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace braid {
namespace {

namespace fs = std::filesystem;

// The types that a formatted source defines for others to see: "braid::grammar::Automaton".
std::set<std::string> visible_types(std::istream& in) {
  static const std::regex kNamespace(R"(namespace ([\w:]*) ?\{)");
  static const std::regex kType(
      R"((?:template <.*> )?(?:class|struct|union|enum class|enum)(?: \[\[.*\]\])? ([\w:]+).*)");
  std::set<std::string> types;
  std::vector<std::string> namespaces;  // "": without a name, for this file alone
  for (std::string line; std::getline(in, line);) {
    std::smatch match;
    if (std::regex_match(line, match, kNamespace)) {
      namespaces.push_back(match[1]);
    } else if (line.starts_with("}  // namespace")) {
      if (!namespaces.empty()) namespaces.pop_back();
    } else if (std::regex_match(line, match, kType)) {
      const bool is_declaration = line.ends_with(';') && line.find('{') == std::string::npos;
      const bool is_specialisation = match[1].second != line.end() && *match[1].second == '<';
      if (is_declaration || is_specialisation) continue;
      std::string name;
      bool is_hidden = false;
      for (const std::string& outer : namespaces) {
        is_hidden |= outer.empty();
        name += outer + "::";
      }
      if (!is_hidden) types.insert(name + match.str(1));
    }
  }
  return types;
}

TEST(OneDefinition, DefinitionsAreToldFromDeclarationsAndFromWhatIsHidden) {
  std::istringstream in(R"(
namespace a {
class Declared;
template <typename T> class Template {
};
struct Empty {};
template <>
class [[nodiscard]] Result<void> {
class Outer::Inner final : public Base {
  class Nested {};
namespace {
struct Hidden {
};
}  // namespace
enum class Kind : uint8_t { kOne };
}  // namespace a
class Derived
    : public Base {
)");
  EXPECT_EQ(visible_types(in),
            (std::set<std::string>{"a::Template", "a::Empty", "a::Outer::Inner", "a::Kind", "Derived"}));
}

TEST(OneDefinition, NoTypeIsDefinedInTwoFiles) {
  std::map<std::string, std::string> defined_in;
  for (const char* folder : {"src", "tests"}) {
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      const auto extension = entry.path().extension();
      if (extension != ".cc" && extension != ".h") continue;
      std::ifstream in(entry.path());
      for (const std::string& type : visible_types(in)) {
        const auto [first, is_new] = defined_in.emplace(type, entry.path().string());
        EXPECT_TRUE(is_new) << type << " is defined in " << first->second << " and in " << entry.path();
      }
    }
  }
  EXPECT_GT(defined_in.size(), 100U);
}

}  // namespace
}  // namespace braid
