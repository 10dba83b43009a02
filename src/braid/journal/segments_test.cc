#include "braid/journal/segments.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

namespace fs = std::filesystem;

class SegmentsTest : public ::testing::Test {
 protected:
  static constexpr int64_t kMaxBytes = 64 * 256;  // files of 256 bytes

  Segments open() { return Segments::open(folder_.path().string(), kMaxBytes).value(); }
  std::vector<fs::path> files() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder_.path())) {
      if (entry.path().extension() == ".journal") files.push_back(entry.path());
    }
    std::ranges::sort(files);
    return files;
  }

  testing::TemporaryFolder folder_;
};

const std::string kRecord(100, 'x');

TEST_F(SegmentsTest, RecordsAreReadInTheirOrder) {
  {
    Segments segments = open();
    for (char c = 'a'; c < 'k'; ++c) ASSERT_TRUE(segments.append("one", std::string(100, c)).ok());
    EXPECT_EQ(segments.bytes(), 10 * 116);
  }
  Segments again = open();
  const auto found = again.read_found().value();
  ASSERT_EQ(found.records.size(), 10U);
  EXPECT_EQ(found.records[9], std::string(100, 'j'));
  EXPECT_TRUE(found.damaged_files.empty());
  ASSERT_TRUE(again.append("one", kRecord).ok());
  again.drop_found();
  EXPECT_EQ(files().size(), 1U) << "the new one";
}

TEST_F(SegmentsTest, ATornOrDamagedEndIsLeftOut) {
  {
    Segments segments = open();
    ASSERT_TRUE(segments.append("one", "first").ok());
    ASSERT_TRUE(segments.append("one", "second").ok());
  }
  const fs::path file = files().at(0);
  const auto num_read = [&] {
    const auto found = open().read_found().value();
    EXPECT_EQ(found.damaged_files.size(), 1U);
    return found.records.size();
  };
  std::fstream(file, std::ios::in | std::ios::out | std::ios::binary).seekp(-1, std::ios::end).put('x');
  EXPECT_EQ(num_read(), 1U);
  for (auto bytes = fs::file_size(file) - 1; bytes > 21; --bytes) {
    fs::resize_file(file, bytes);
    EXPECT_EQ(num_read(), 1U);
  }
  fs::resize_file(file, 20);
  EXPECT_EQ(num_read(), 0U);
}

TEST_F(SegmentsTest, AFileGoesWhenNoRequestNeedsItOrAnOlderOne) {
  Segments segments = open();
  for (const char* key : {"long", "short", "short", "short", "short", "last"}) {
    ASSERT_TRUE(segments.append(key, std::string(200, 'x')).ok());
    ASSERT_TRUE(segments.append(key, std::string(200, 'x')).ok());
  }
  EXPECT_EQ(files().size(), 6U);
  segments.forget("short");
  EXPECT_EQ(files().size(), 6U) << "or the end of a request could go before its beginning";
  segments.forget("long");
  EXPECT_EQ(files().size(), 1U);
  EXPECT_TRUE(segments.take_lost().empty());
}

TEST_F(SegmentsTest, TheOldestGoesWhenAllAreTooLarge) {
  Segments segments = open();
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(segments.append(std::to_string(i), kRecord).ok());
    EXPECT_LE(segments.bytes(), kMaxBytes);
  }
  const auto lost = segments.take_lost();
  EXPECT_GT(lost.size(), 100U);
  EXPECT_EQ(lost[0], "0");
  segments.forget("0");
  segments.forget("299");
}

TEST_F(SegmentsTest, AFolderHasOneWriter) {
  const Segments segments = open();
  const auto second = Segments::open(folder_.path().string(), kMaxBytes);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().message.find("another process writes there"), std::string::npos);
  EXPECT_FALSE(Segments::open("/proc/none", kMaxBytes).ok());
}

}  // namespace
}  // namespace braid
