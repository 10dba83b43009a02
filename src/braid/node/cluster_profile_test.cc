#include "braid/node/cluster_profile.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace braid {
namespace {

// Processes with clocks of their own, as far away as way_s, that answer what the front sends.
class ProfiledCluster {
 public:
  struct Member {
    double ahead_s = 0;
    double drift = 0;  // seconds that its clock gains in a second
    bool is_silent = false;
    std::vector<ProfilePart> parts = {};  // to send, in this order
    int num_starts = 0;
    bool was_asked_last = false;
  };

  double clock_of(const PeerId& peer) const {
    const Member& member = members.at(peer);
    return now_s + member.ahead_s + member.drift * now_s;
  }
  void add(const PeerId& peer, const std::string& system, const std::vector<int32_t>& ranks) {
    ProfiledProcess process{.host = peer};
    for (const int32_t rank : ranks) process.ranks.push_back({.rank = rank});
    profile.add(peer, std::move(process), system, now_s);
    members[peer];
  }
  // Delivers until nobody has anything to say.
  void settle() {
    for (auto outgoing = profile.outgoing(); !outgoing.empty(); outgoing = profile.outgoing()) {
      for (const auto& [peer, message] : outgoing) deliver(peer, message);
    }
  }

  double now_s = 1000;
  double way_s = 1e-4;
  std::map<PeerId, Member> members;
  ClusterProfile profile{9, "front"};

 private:
  void deliver(const PeerId& peer, const ProcessMessage& message) {
    Member& member = members.at(peer);
    if (member.is_silent) return;
    now_s += way_s;
    if (std::holds_alternative<ProfileStart>(message)) {
      ++member.num_starts;
    } else if (const auto* question = std::get_if<ClockQuestion>(&message)) {
      const ClockAnswer answer{.id = question->id, .monotonic_s = clock_of(peer)};
      now_s += way_s;
      profile.take(peer, answer, now_s);
    } else if (const auto* wanted = std::get_if<ProfileWanted>(&message)) {
      member.was_asked_last = wanted->is_last;
      ProfilePart part{.id = wanted->id};
      if (!member.parts.empty()) {
        part = member.parts.front();
        member.parts.erase(member.parts.begin());
        part.has_more = !member.parts.empty();
      }
      profile.take(peer, part, now_s);
    }
  }
};

ProfilePart part_at(double begin_s, int32_t rank = 0) {
  return {.id = 9, .rank = rank, .spans = {{.phase = TracePhase::kFfn, .begin_s = begin_s, .end_s = begin_s + 0.5}}};
}

TEST(ClusterProfile, SpansOfAllClocksComeOnTheFronts) {
  ProfiledCluster cluster;
  cluster.add("a", "other", {0, 1});
  cluster.add("b", "third", {2});
  cluster.members["a"].ahead_s = 500;
  cluster.members["b"].ahead_s = -300;
  cluster.settle();
  EXPECT_EQ(cluster.members["a"].num_starts, 1);
  const double at_s = cluster.now_s;
  cluster.members["a"].parts = {part_at(at_s + 500), part_at(at_s + 501), part_at(at_s + 500, 1)};
  cluster.members["b"].parts = {part_at(at_s - 300)};
  cluster.now_s += 2;
  EXPECT_FALSE(cluster.profile.is_whole());
  cluster.profile.end(cluster.now_s);
  cluster.settle();
  ASSERT_TRUE(cluster.profile.is_whole());
  EXPECT_TRUE(cluster.members["a"].was_asked_last && cluster.members["b"].was_asked_last);
  const Profile profile = std::move(cluster.profile).profile();
  ASSERT_EQ(profile.processes.size(), 2U);
  const ProfiledProcess& first = profile.processes[0];
  EXPECT_EQ(first.missing, "");
  EXPECT_NEAR(first.clock_ahead_s, 500, 1e-6);
  EXPECT_NEAR(first.clock_error_s, 1e-4, 1e-6);
  ASSERT_EQ(first.ranks[0].spans.size(), 2U);
  EXPECT_NEAR(first.ranks[0].spans[0].begin_s, at_s, 1e-3);
  EXPECT_NEAR(first.ranks[0].spans[1].end_s, at_s + 1.5, 1e-3);
  EXPECT_NEAR(first.ranks[1].spans[0].begin_s, at_s, 1e-3);
  EXPECT_NEAR(profile.processes[1].ranks[0].spans[0].begin_s, at_s, 1e-3);
}

// 100 parts in a million, over ten minutes, are 60 ms.
TEST(ClusterProfile, AClockThatRunsFastIsFollowed) {
  ProfiledCluster cluster;
  cluster.add("a", "other", {0});
  cluster.members["a"] = {.ahead_s = 40, .drift = 1e-4};
  cluster.settle();
  std::vector<double> times_s;
  for (int i = 0; i < 10; ++i) {
    cluster.now_s += 60;
    times_s.push_back(cluster.now_s);
    cluster.members["a"].parts.push_back(part_at(cluster.clock_of("a")));
  }
  cluster.profile.end(cluster.now_s);
  cluster.settle();
  const Profile profile = std::move(cluster.profile).profile();
  const auto& spans = profile.processes[0].ranks[0].spans;
  ASSERT_EQ(spans.size(), times_s.size());
  for (size_t i = 0; i < spans.size(); ++i) EXPECT_NEAR(spans[i].begin_s, times_s[i], 3e-4) << i;
}

TEST(ClusterProfile, ProcessesOfTheFrontsHostHaveItsClockUnlessItSaysOtherwise) {
  ProfiledCluster cluster;
  cluster.add("a", "front", {0});
  cluster.add("b", "front", {1});
  cluster.members["b"].ahead_s = 86400;  // in a time namespace
  cluster.settle();
  cluster.members["a"].parts = {part_at(1000)};
  cluster.profile.end(cluster.now_s);
  cluster.settle();
  const Profile profile = std::move(cluster.profile).profile();
  EXPECT_EQ(profile.processes[0].clock_ahead_s, 0);
  EXPECT_EQ(profile.processes[0].clock_error_s, 0);
  EXPECT_EQ(profile.processes[0].ranks[0].spans[0].begin_s, 1000);
  EXPECT_NEAR(profile.processes[1].clock_ahead_s, 86400, 1e-3);
  EXPECT_GT(profile.processes[1].clock_error_s, 0);
}

TEST(ClusterProfile, WhatAProcessHadSentBeforeItWasLostStays) {
  ProfiledCluster cluster;
  cluster.add("a", "other", {0});
  cluster.add("b", "other", {1});
  cluster.settle();
  cluster.members["a"].parts = {part_at(cluster.now_s)};
  cluster.profile.look(cluster.now_s + 0.1);
  cluster.settle();
  EXPECT_EQ(cluster.members["a"].parts.size(), 1U) << "asked too soon";
  cluster.now_s += ClusterProfile::kCollect_s;
  cluster.profile.look(cluster.now_s);
  cluster.settle();
  EXPECT_FALSE(cluster.members["a"].was_asked_last);
  cluster.profile.lose("a", "killed");
  cluster.profile.end(cluster.now_s);
  cluster.settle();
  ASSERT_TRUE(cluster.profile.is_whole());
  const Profile profile = std::move(cluster.profile).profile();
  EXPECT_EQ(profile.processes[0].missing, "killed");
  EXPECT_EQ(profile.processes[0].ranks[0].spans.size(), 1U);
  EXPECT_EQ(profile.processes[1].missing, "");
}

TEST(ClusterProfile, AProcessThatDoesNotAnswerIsGivenUp) {
  ProfiledCluster cluster;
  cluster.add("a", "other", {0});
  cluster.add("b", "other", {1});
  cluster.settle();
  cluster.members["b"].is_silent = true;
  cluster.profile.end(cluster.now_s);
  cluster.settle();
  EXPECT_FALSE(cluster.profile.is_whole());
  cluster.profile.look(cluster.now_s + ClusterProfile::kSilence_s + 1);
  ASSERT_TRUE(cluster.profile.is_whole());
  const Profile profile = std::move(cluster.profile).profile();
  EXPECT_EQ(profile.processes[0].missing, "");
  EXPECT_NE(profile.processes[1].missing.find("has not answered within 10 s"), std::string::npos);
}

TEST(ClusterProfile, WithoutAClockThereAreNoSpans) {
  ProfiledCluster cluster;
  cluster.add("a", "other", {0});
  cluster.members["a"].is_silent = true;
  cluster.settle();
  cluster.profile.end(cluster.now_s);
  cluster.profile.outgoing();
  ProfilePart part = part_at(5);
  part.has_more = true;
  cluster.profile.take("a", part, cluster.now_s);
  const Profile profile = std::move(cluster.profile).profile();
  EXPECT_TRUE(profile.processes[0].ranks[0].spans.empty());
  EXPECT_EQ(profile.processes[0].missing, "the server ends; its clock could not be read");
}

TEST(ClusterProfile, NonsenseEndsOneProcessesPartAlone) {
  ProfiledCluster cluster;
  for (const char* const peer : {"a", "b", "c", "d"}) cluster.add(peer, "other", {0});
  cluster.settle();
  cluster.members["a"].parts = {part_at(1, 1)};
  const std::vector<TraceSpan> many(ProfilePart::kMaxSpans);
  for (size_t i = 0; i <= StepTrace::kMaxSpans / many.size(); ++i) {
    cluster.members["b"].parts.push_back({.id = 9, .rank = 0, .spans = many});
  }
  cluster.members["c"].parts = {part_at(cluster.now_s)};
  cluster.members["d"].parts = {{.id = 9}, {.id = 9}};
  cluster.profile.take("nobody", part_at(1), cluster.now_s);
  cluster.profile.take("c", part_at(1), cluster.now_s);  // was not asked for
  cluster.profile.take("c", ClockAnswer{.id = 77}, cluster.now_s);
  cluster.profile.end(cluster.now_s);
  ProfilePart old = part_at(1);
  old.id = 8;  // of an earlier profile
  cluster.profile.take("c", old, cluster.now_s);
  cluster.settle();
  ASSERT_TRUE(cluster.profile.is_whole());
  const Profile profile = std::move(cluster.profile).profile();
  EXPECT_EQ(profile.processes[0].missing, "it sent spans of a rank 1, and has 1 ranks");
  EXPECT_EQ(profile.processes[1].missing, "it sent more than 524288 spans of a rank");
  EXPECT_EQ(profile.processes[2].missing, "");
  EXPECT_EQ(profile.processes[2].ranks[0].spans.size(), 1U);
  EXPECT_EQ(profile.processes[3].missing, "it sent no spans, and said that there are more");
}

TEST(ClusterProfile, ProcessesComeInTheOrderOfRanksAndStarts) {
  ProfiledCluster cluster;
  cluster.add("late", "other", {2, 3});
  cluster.add("early", "other", {0, 1});
  cluster.profile.lose("late", "killed");
  cluster.add("again", "other", {2, 3});
  cluster.settle();
  cluster.profile.end(cluster.now_s);
  cluster.settle();
  std::vector<std::string> hosts;
  for (const ProfiledProcess& process : std::move(cluster.profile).profile().processes) hosts.push_back(process.host);
  EXPECT_EQ(hosts, (std::vector<std::string>{"early", "late", "again"}));
}

TEST(ClusterProfile, WithoutProcessesItIsWholeAtItsEnd) {
  ClusterProfile profile(1, "");
  EXPECT_FALSE(profile.is_whole());
  profile.end(5);
  EXPECT_TRUE(profile.is_whole());
  EXPECT_TRUE(std::move(profile).profile().processes.empty());
}

}  // namespace
}  // namespace braid
