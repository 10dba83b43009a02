#include "braid/kv/committed_pages.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <vector>

#include "braid/tensor/buffer.h"

namespace braid {
namespace {

constexpr int64_t kTestPiece = CommittedPages::kPieceBytes;
constexpr int64_t kTestPageBytes = kTestPiece / 8;
constexpr int32_t kTestNumPages = 44;  // of each of two memories: five pieces and a half
constexpr int64_t kTestSystemPage = 4096;

class CommittedPagesTest : public testing::Test {
 protected:
  // Bytes from `begin` on that the system has backed without a gap.
  static int64_t resident_bytes(const Buffer& memory, int64_t begin = 0) {
    std::vector<unsigned char> is_resident(static_cast<size_t>((memory.bytes() - begin) / kTestSystemPage));
    EXPECT_EQ(mincore(memory.data() + begin, static_cast<size_t>(memory.bytes() - begin), is_resident.data()), 0);
    const auto end = std::ranges::find_if(is_resident, [](unsigned char state) { return (state & 1) == 0; });
    return (end - is_resident.begin()) * kTestSystemPage;
  }

  // Commits ahead until nothing is left or `lead_bytes` of each memory are ready.
  void go_ahead(int64_t num_pieces, int64_t lead_bytes) {
    while (pages_.ahead_bytes() < lead_bytes && pages_.commit_ahead(team_, num_pieces) > 0) {
    }
  }

  ThreadTeam team_{2};
  std::array<Buffer, 2> memories_ = {Buffer(kTestNumPages * kTestPageBytes), Buffer(kTestNumPages* kTestPageBytes)};
  CommittedPages pages_{{memories_[0].data(), memories_[1].data()}, kTestNumPages, kTestPageBytes};
};

TEST_F(CommittedPagesTest, NothingIsBackedAtFirst) {
  EXPECT_EQ(pages_.committed_bytes(), 0);
  for (const Buffer& memory : memories_) EXPECT_EQ(resident_bytes(memory), 0);
}

TEST_F(CommittedPagesTest, UsedPagesAreBackedInEveryMemory) {
  const PageId pages[] = {0, 43, 1, 43};
  pages_.commit(team_, pages);
  EXPECT_EQ(pages_.committed_bytes(), 3 * 2 * kTestPageBytes);
  for (const Buffer& memory : memories_) {
    EXPECT_GE(resident_bytes(memory), 2 * kTestPageBytes);
    EXPECT_EQ(resident_bytes(memory, 43 * kTestPageBytes), kTestPageBytes);
  }
}

TEST_F(CommittedPagesTest, CommitsAheadPieceByPieceBehindTheHighestUsedPage) {
  const PageId page = 9;  // in the second piece
  pages_.commit(team_, std::span(&page, 1));
  EXPECT_EQ(pages_.ahead_bytes(), 0);
  EXPECT_EQ(pages_.commit_ahead(team_, 1), 1);
  EXPECT_EQ(resident_bytes(memories_[0], kTestPiece), kTestPiece);
  EXPECT_EQ(pages_.ahead_bytes(), 0) << "the other memory has not got it yet";
  EXPECT_EQ(pages_.commit_ahead(team_, 5), 1) << "the rest of a row, no more";
  EXPECT_EQ(resident_bytes(memories_[1], kTestPiece), kTestPiece);
  EXPECT_EQ(pages_.ahead_bytes(), 6 * kTestPageBytes) << "pages 10 to 15";
}

TEST_F(CommittedPagesTest, PagesCommittedAheadKeepTheirContentWhenUsed) {
  go_ahead(3, kTestPiece);
  EXPECT_EQ(pages_.committed_bytes(), 2 * kTestPiece);
  std::ranges::fill_n(memories_[0].data(), 4, std::byte{7});
  const PageId used[] = {0, 1, 2};
  pages_.commit(team_, used);
  EXPECT_EQ(pages_.committed_bytes(), 2 * kTestPiece);
  EXPECT_EQ(pages_.ahead_bytes(), kTestPiece - 3 * kTestPageBytes);
  go_ahead(1, kTestPiece);
  EXPECT_EQ(memories_[0].data()[3], std::byte{7}) << "what a page holds stays";
}

TEST_F(CommittedPagesTest, CommitAheadSkipsPagesUsedMeanwhile) {
  EXPECT_EQ(pages_.commit_ahead(team_, 1), 1);  // in the first row of pieces
  std::vector<PageId> pages(20);
  for (PageId page = 0; page < 20; ++page) pages[static_cast<size_t>(page)] = page;
  pages_.commit(team_, pages);
  EXPECT_EQ(pages_.commit_ahead(team_, 2), 2);  // in the third row
  EXPECT_EQ(pages_.ahead_bytes(), 4 * kTestPageBytes);
}

TEST_F(CommittedPagesTest, CommitAheadEndsWithTheMemory) {
  go_ahead(2, kTestNumPages * kTestPageBytes);
  EXPECT_TRUE(pages_.is_whole());
  EXPECT_EQ(pages_.committed_bytes(), 2 * kTestNumPages * kTestPageBytes);
  for (const Buffer& memory : memories_) EXPECT_EQ(resident_bytes(memory), memory.bytes());
  EXPECT_EQ(pages_.commit_ahead(team_, 2), 0);
}

TEST_F(CommittedPagesTest, OfAFileArePagesOfTheFileWithTheirContent) {
  const int file = memfd_create("test", MFD_CLOEXEC);
  constexpr int64_t kBytes = 6 * kTestPiece;  // whole pieces
  ASSERT_EQ(ftruncate(file, 2 * kBytes), 0);
  const auto mapping = std::make_shared<const Mapping>(file, 2 * kBytes);
  mapping->data()[kTestPageBytes * 9 + 1] = std::byte{7};
  CommittedPages pages({mapping->data(), mapping->data() + kBytes}, kTestNumPages, kTestPageBytes, true);
  pages.commit(team_, std::array<PageId, 2>{9, 43});
  EXPECT_EQ(pages.committed_bytes(), 2 * 2 * kTestPageBytes);
  const Buffer first(mapping, 0, kBytes);
  EXPECT_GE(resident_bytes(first, 9 * kTestPageBytes), kTestPageBytes);
  EXPECT_EQ(mapping->data()[kTestPageBytes * 9 + 1], std::byte{7});
  EXPECT_GT(pages.commit_ahead(team_, 4), 0);
  close(file);
}

}  // namespace
}  // namespace braid
