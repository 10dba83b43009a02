// The house: a file of src/braid includes only its own room and lower floors (tools/floors.txt).
#include <gtest/gtest.h>

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

struct House {
  std::map<std::string, int> floor_of;
  std::set<std::pair<std::string, std::string>> allowed_edges;
};

House read_house(const fs::path& file) {
  House house;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    line = line.substr(0, line.find('#'));
    std::istringstream words(line);
    std::string first;
    if (!(words >> first)) continue;
    std::string second;
    if (first.find_first_not_of("0123456789") != std::string::npos) {
      std::string to;
      words >> second >> to;
      house.allowed_edges.emplace(first, to);
      continue;
    }
    while (words >> second) house.floor_of[second] = std::stoi(first);
  }
  return house;
}

// "" if `from` may include `to`, else why not.
std::string violation(const House& house, const std::string& from, const std::string& to) {
  if (from == to) return "";
  if (!house.floor_of.contains(from)) return "room " + from + " is not in tools/floors.txt";
  if (!house.floor_of.contains(to)) return "room " + to + " is not in tools/floors.txt";
  if (house.floor_of.at(to) < house.floor_of.at(from) || house.allowed_edges.contains({from, to})) return "";
  return from + " (floor " + std::to_string(house.floor_of.at(from)) + ") includes " + to + " (floor " +
         std::to_string(house.floor_of.at(to)) + ")";
}

TEST(Floors, AHigherFloorIsRefusedAndALowerOneIsNot) {
  const House house{.floor_of = {{"a", 0}, {"b", 1}, {"c", 1}}, .allowed_edges = {{"b", "c"}}};
  EXPECT_EQ(violation(house, "b", "a"), "");
  EXPECT_EQ(violation(house, "b", "c"), "");
  EXPECT_NE(violation(house, "c", "b"), "");
  EXPECT_NE(violation(house, "a", "b"), "");
  EXPECT_NE(violation(house, "a", "nowhere"), "");
}

TEST(Floors, NoFileIncludesAHigherFloor) {
  const House house = read_house("tools/floors.txt");
  ASSERT_GT(house.floor_of.size(), 10U);
  int includes = 0;
  for (const auto& entry : fs::recursive_directory_iterator("src/braid")) {
    const auto extension = entry.path().extension();
    if (extension != ".cc" && extension != ".h" && extension != ".cu") continue;
    const std::string from = fs::relative(entry.path(), "src/braid").begin()->string();
    std::ifstream in(entry.path());
    const std::string prefix = "#include \"braid/";
    for (std::string line; std::getline(in, line);) {
      if (!line.starts_with(prefix)) continue;
      ++includes;
      const std::string target = line.substr(prefix.size());
      const std::string why = violation(house, from, target.substr(0, target.find('/')));
      EXPECT_EQ(why, "") << entry.path();
    }
  }
  EXPECT_GT(includes, 0);
}

}  // namespace
}  // namespace braid
