// Programs that run and end, and do not stay behind.
#include "braid/node/child_process.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <sstream>

#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

std::string wait_for_end(ChildProcess& child) {
  pollfd file{.fd = child.file(), .events = POLLIN, .revents = 0};
  poll(&file, 1, -1);
  return child.ending() ? child.ending()->text : "runs";
}

std::string text_in(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TEST(ChildProcess, SaysHowItEnded) {
  auto failing = ChildProcess::start({.command = {"sh", "-c", "exit 3"}});
  ASSERT_TRUE(failing.ok()) << failing.error().message;
  EXPECT_EQ(wait_for_end(*failing), "exit status 3");
  auto killed = ChildProcess::start({.command = {"sleep", "1000"}});
  ASSERT_TRUE(killed.ok());
  EXPECT_FALSE(killed->ending().has_value());
  killed->signal(SIGKILL);
  EXPECT_EQ(wait_for_end(*killed), "signal 9 (Killed)");
}

TEST(ChildProcess, AProgramThatIsNotThereIsAnError) {
  const auto child = ChildProcess::start({.command = {"/no/such/program"}});
  ASSERT_FALSE(child.ok());
  EXPECT_EQ(child.error().message, "/no/such/program: No such file or directory");
}

TEST(ChildProcess, GetsTheEnvironmentAndASilentInput) {
  const testing::TemporaryFolder folder;
  const std::string path = (folder.path() / "out").string();
  auto child = ChildProcess::start(
      {.command = {"sh", "-c", "echo $PLANET $(cat) ${PATH:+path} > " + path}, .more_environment = {"PLANET=Pluto"}});
  ASSERT_TRUE(child.ok());
  EXPECT_EQ(wait_for_end(*child), "exit status 0");
  EXPECT_EQ(text_in(path), "Pluto path\n");
}

TEST(ChildProcess, GetsNoneOfTheOpenFiles) {
  std::array<int, 2> connection{};
  ASSERT_EQ(pipe(connection.data()), 0);  // as libraries open them: children inherit it
  auto child = ChildProcess::start({.command = {"sleep", "1000"}});
  ASSERT_TRUE(child.ok());
  close(connection[1]);
  pollfd end{.fd = connection[0], .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&end, 1, 10'000), 1) << "the other end is still open";
  close(connection[0]);
}

TEST(ChildProcess, NothingOfItsGroupStaysBehind) {
  const testing::TemporaryFolder folder;
  const std::string path = (folder.path() / "pid").string();
  pid_t grandchild = 0;
  {
    auto child = ChildProcess::start({.command = {"sh", "-c", "sleep 1000 & echo $! > " + path + "; wait"}});
    ASSERT_TRUE(child.ok());
    while (!(std::istringstream(text_in(path)) >> grandchild)) {
    }
    EXPECT_EQ(kill(grandchild, 0), 0);
  }
  // It is gone, or a zombie that nobody has looked at yet.
  std::string state;
  do {
    std::istringstream status(text_in("/proc/" + std::to_string(grandchild) + "/stat"));
    std::string pid;
    std::string name;
    state.clear();
    status >> pid >> name >> state;
  } while (state != "" && state != "Z");
}

}  // namespace
}  // namespace braid
