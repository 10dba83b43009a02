#include "braid/journal/journal_replica.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <future>
#include <thread>

#include "braid/base/clock.h"
#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

class JournalReplicaTest : public ::testing::Test {
 protected:
  JournalOptions front() const { return {.folder = (folder_.path() / "front").string()}; }
  JournalOptions standby() const { return {.folder = (folder_.path() / "standby").string()}; }

  std::unique_ptr<JournalReplica> open_replica() {
    return JournalReplica::open(
               standby(), [] {}, make_null_logger())
        .value();
  }
  static std::unique_ptr<Journal> open(const JournalOptions& options) {
    return Journal::open(options, make_null_logger()).value();
  }
  // What the standby would go on with.
  std::vector<JournalEntry> found() const { return open(standby())->take_found(); }

  static JournaledRequest request_named(const std::string& key) {
    return {.key = key, .rid = "rid of " + key, .path = "/generate", .body = "{}", .prompt = {1}};
  }
  static JournaledDelta delta_of(const std::string& key, int64_t index) {
    return {.key = key,
            .index = index,
            .time_s = unix_seconds(),
            .delta = {.tokens = {{.token = static_cast<TokenId>(index), .top_logprobs = {}}}}};
  }

  // Connects both, by what passes the answers on until `is_done` holds.
  static void connect(Journal& journal, JournalReplica& replica) {
    journal.connect_standby([&replica](JournalPart part) { replica.take(std::move(part)); });
  }
  template <typename Condition>
  static void answer_until(Journal& journal, JournalReplica& replica, const Condition& is_done) {
    for (int i = 0; i < 30'000 && !is_done(); ++i) {
      for (JournalKept& kept : replica.take_answers()) journal.take_kept(std::move(kept));
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_TRUE(is_done());
  }
  static void wait_until_copied(Journal& journal, JournalReplica& replica) {
    std::atomic<bool> is_safe = false;
    journal.add(JournaledEnd{.key = "nobody"}, [&] { is_safe = true; });
    answer_until(journal, replica, [&] {
      const StandbyStats stats = journal.stats().standby;
      return is_safe && stats.is_whole && stats.bytes_behind == 0;
    });
  }

  // One answer to each part.
  static JournalKept answer_to(JournalReplica& replica, JournalPart part) {
    replica.take(std::move(part));
    for (int i = 0; i < 30'000; ++i) {
      auto answers = replica.take_answers();
      if (!answers.empty()) return answers.back();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ADD_FAILURE() << "no answer";
    return {};
  }
  // The bytes of a journal's file with this record.
  std::string bytes_of(const JournalRecord& record) const {
    const std::string path = (folder_.path() / "one").string();
    EXPECT_TRUE(SegmentFile::create(path).value().append(encode(record)).ok());
    return read_segment_bytes(path, 0, 1 << 20).value();
  }

  testing::TemporaryFolder folder_;
};

TEST_F(JournalReplicaTest, TheStandbyFindsWhatTheFrontHad) {
  auto replica = open_replica();
  auto journal = open(front());
  journal->add(request_named("before"));
  journal->add(delta_of("before", 0));
  EXPECT_FALSE(replica->has_whole());
  connect(*journal, *replica);
  wait_until_copied(*journal, *replica);
  EXPECT_TRUE(replica->has_whole());
  for (const char* key : {"after", "ended"}) journal->add(request_named(key));
  for (int64_t i = 0; i < 500; ++i) journal->add(delta_of("after", i));
  journal->add(JournaledEnd{.key = "ended"});
  wait_until_copied(*journal, *replica);
  replica.reset();
  const auto entries = found();
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].request.rid, "rid of before");
  EXPECT_EQ(entries[0].deltas.size(), 1U);
  ASSERT_EQ(entries[1].deltas.size(), 500U);
  EXPECT_EQ(entries[1].deltas[499].tokens[0].token, 499);
}

TEST_F(JournalReplicaTest, ARequestIsSafeOnceTheStandbyHasIt) {
  auto replica = open_replica();
  auto journal = open(front());
  connect(*journal, *replica);
  wait_until_copied(*journal, *replica);
  std::atomic<bool> is_safe = false;
  journal->add(request_named("a"), [&] { is_safe = true; });
  for (int i = 0; i < 30'000 && journal->stats().standby.bytes_behind == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_FALSE(is_safe) << "no answer was passed on";
  answer_until(*journal, *replica, [&] { return is_safe.load(); });
  replica.reset();
  EXPECT_EQ(found().size(), 1U);
}

TEST_F(JournalReplicaTest, ACopyThatEndsEarlyLosesNothingOfTheOneBefore) {
  auto replica = open_replica();
  const std::string request = bytes_of(request_named("old"));
  EXPECT_EQ(answer_to(*replica, {.copy = 1, .is_whole = true, .bytes = request}).end, request.size());
  const std::string other = bytes_of(request_named("new"));
  for (uint64_t copy = 2; copy < 5; ++copy) {  // none is whole
    EXPECT_EQ(answer_to(*replica, {.copy = copy, .bytes = other}).end, other.size());
  }
  EXPECT_TRUE(replica->has_whole());
  replica.reset();
  auto entries = found();
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].request.rid, "rid of old");

  replica = open_replica();
  answer_to(*replica, {.copy = 9, .is_whole = true, .bytes = other});
  replica.reset();
  entries = found();
  ASSERT_EQ(entries.size(), 1U) << "a whole copy replaces all";
  EXPECT_EQ(entries[0].request.rid, "rid of new");
}

TEST_F(JournalReplicaTest, ARecordMayComeInPieces) {
  auto replica = open_replica();
  const std::string bytes = bytes_of(request_named("a")) + bytes_of(delta_of("a", 0));
  for (size_t i = 0; i < bytes.size(); ++i) {
    const auto kept =
        answer_to(*replica, {.copy = 1, .begin = i, .is_whole = i + 1 == bytes.size(), .bytes = bytes.substr(i, 1)});
    ASSERT_EQ(kept.end, i + 1) << kept.refusal;
  }
  replica.reset();
  ASSERT_EQ(found().size(), 1U);
}

TEST_F(JournalReplicaTest, AGapIsRefusedAndTheNextCopyTaken) {
  auto replica = open_replica();
  const std::string bytes = bytes_of(request_named("a"));
  EXPECT_EQ(answer_to(*replica, {.copy = 1, .bytes = bytes}).end, bytes.size());
  EXPECT_EQ(answer_to(*replica, {.copy = 1, .begin = bytes.size() + 1, .bytes = "x"}).refusal,
            fmt::format("a part begins at byte {} of its copy, and byte {} is next", bytes.size() + 1, bytes.size()));
  replica->take({.copy = 1, .begin = bytes.size(), .is_whole = true, .bytes = bytes});  // of a copy that is refused
  EXPECT_EQ(answer_to(*replica, {.copy = 2, .bytes = bytes}).copy, 2U);
  EXPECT_FALSE(replica->has_whole());
  EXPECT_NE(answer_to(*replica, {.copy = 3, .begin = 5, .bytes = "x"}).refusal, "") << "begins in the middle";
}

TEST_F(JournalReplicaTest, GarbageIsRefused) {
  auto replica = open_replica();
  std::string damaged = bytes_of(request_named("a"));
  damaged.back() ^= 1;
  EXPECT_NE(answer_to(*replica, {.copy = 1, .bytes = damaged}).refusal.find("checksum"), std::string::npos);
  EXPECT_NE(answer_to(*replica, {.copy = 2, .bytes = std::string(16, '\xff')}).refusal.find("are allowed"),
            std::string::npos);
  const std::string path = (folder_.path() / "text").string();
  ASSERT_TRUE(SegmentFile::create(path).value().append("no record").ok());
  const std::string text = read_segment_bytes(path, 0, 1 << 20).value();
  EXPECT_NE(answer_to(*replica, {.copy = 3, .is_whole = true, .bytes = text}).refusal.find("a record that is none"),
            std::string::npos);
  EXPECT_FALSE(replica->has_whole());
}

TEST_F(JournalReplicaTest, AFrontThatKeepsToNoWindowIsRefused) {
  std::promise<void> may_go_on;  // for the thread, which waits behind its first answer
  auto replica = JournalReplica::open(
                     standby(), [go = may_go_on.get_future().share()] { go.wait(); }, make_null_logger())
                     .value();
  std::string head(16, '\0');
  const uint64_t length = uint64_t{100} << 20;  // so that what follows is the beginning of one record
  std::memcpy(head.data(), &length, sizeof length);
  EXPECT_EQ(answer_to(*replica, {.copy = 1, .bytes = head}).end, head.size());
  const std::string record(size_t{1} << 20, 'x');
  for (uint64_t i = 0; i <= JournalReplica::kMaxWaitingBytes >> 20; ++i) {
    replica->take({.copy = 1, .begin = head.size() + (i << 20), .bytes = record});
  }
  may_go_on.set_value();
  std::vector<JournalKept> answers;
  while (answers.empty() || answers.back().refusal.empty()) {
    for (JournalKept& kept : replica->take_answers()) answers.push_back(std::move(kept));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_FALSE(replica->has_whole());
}

}  // namespace
}  // namespace braid
