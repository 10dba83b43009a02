// No two files define a type of the same name in the same namespace. That is undefined behaviour which nothing reports:
// the linker keeps one destructor for both types.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <istream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace braid {
namespace {

namespace fs = std::filesystem;

// The rest of `line` after `prefix`; nothing if the line does not start with it.
std::optional<std::string_view> after(std::string_view line, std::string_view prefix) {
  if (!line.starts_with(prefix)) return std::nullopt;
  return line.substr(prefix.size());
}

// The name of the type that a formatted line defines at the outermost level; "" if it defines none.
std::string_view defined_type(std::string_view line) {
  if (const auto templated = after(line, "template <")) {
    if (const size_t end = templated->rfind("> "); end != std::string_view::npos) line = templated->substr(end + 2);
  }
  if (line.ends_with(';') && line.find('{') == std::string_view::npos) return {};  // a declaration
  for (const char* keyword : {"class ", "struct ", "union ", "enum class ", "enum "}) {
    auto name = after(line, keyword);
    if (!name) continue;
    if (const size_t attribute = name->find("]] "); attribute != std::string_view::npos)
      name->remove_prefix(attribute + 3);
    const size_t end = std::min(name->find_first_of(" <"), name->size());
    const bool is_specialisation = name->substr(end).starts_with('<');
    return is_specialisation ? std::string_view() : name->substr(0, end);
  }
  return {};
}

// The types that a formatted source defines outside anonymous namespaces: "braid::grammar::Automaton".
std::set<std::string> visible_types(std::istream& in) {
  std::set<std::string> types;
  std::vector<std::string> namespaces;  // "": an anonymous one
  for (std::string line; std::getline(in, line);) {
    if (const auto name = after(line, "namespace "); name && line.ends_with('{')) {
      namespaces.emplace_back(name->substr(0, name->find_first_of(" {")));
    } else if (line.starts_with("}  // namespace") && !namespaces.empty()) {
      namespaces.pop_back();
    } else if (const std::string_view type = defined_type(line); !type.empty()) {
      if (std::ranges::find(namespaces, "") != namespaces.end()) continue;
      std::string qualified;
      for (const std::string& outer : namespaces) qualified += outer + "::";
      types.insert(qualified.append(type));
    }
  }
  return types;
}

TEST(OneDefinition, DeclarationsAndAnonymousNamespacesAreSkipped) {
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
