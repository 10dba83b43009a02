#include "braid/node/job_greeting.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

const JobGreeting kFirst{
    .version = "0.1.0", .port = 4711, .addresses = {"10.0.0.1", "host-7"}, .key = "braid cluster key 1\nfront a b\n"};
const JobGreeting kOther{.version = "0.1.0"};

Result<JobGreeting> read_back(const std::vector<JobGreeting>& greetings) {
  std::vector<std::string> texts;
  for (const JobGreeting& one : greetings) texts.push_back(greeting_text(one));
  return read_greetings(texts);
}

std::string greeting_error(const std::vector<std::string>& texts) {
  const auto first = read_greetings(texts);
  return first.ok() ? "none" : first.error().message;
}

TEST(JobGreeting, TheFirstIsReadBack) {
  const auto first = read_back({kFirst, kOther, kOther});
  ASSERT_TRUE(first.ok()) << first.error().message;
  EXPECT_EQ(*first, kFirst);
  JobGreeting without_key = kFirst;
  without_key.key.clear();
  EXPECT_EQ(*read_back({without_key}), without_key);
}

TEST(JobGreeting, AnotherVersionIsNamed) {
  const auto first = read_back({kFirst, kOther, {.version = "0.2.0"}});
  ASSERT_FALSE(first.ok());
  EXPECT_EQ(first.error().message, "process 2 is braid 0.2.0, process 0 is braid 0.1.0: install the same on all hosts");
}

TEST(JobGreeting, WhatIsNoGreetingIsAnError) {
  const std::string good = greeting_text(kFirst);
  for (const std::string& bad :
       {std::string(), std::string("hello"), good.substr(0, good.find("host")), good.substr(0, good.find("4711"))}) {
    EXPECT_EQ(greeting_error({good, bad}), "process 1 greets with what is no greeting of braid: is it another program?")
        << bad;
  }
  EXPECT_EQ(greeting_error({greeting_text(kOther)}), "process 0 does not say where the front is");
}

}  // namespace
}  // namespace braid
