#include "braid/weights/kept_weights.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

#include "braid/base/check.h"

namespace braid {
namespace {

constexpr uint64_t kWholeMagic = 0x3177747065646172U;
constexpr int64_t kHugePage = int64_t{2} << 20;
constexpr int64_t kWeightsBegin = kHugePage;  // of the weights: behind the header

int64_t whole_huge_pages(int64_t bytes) {
  return (bytes + kHugePage - 1) / kHugePage * kHugePage;
}

Status write_at(int file, std::span<const std::byte> bytes, int64_t offset) {
  while (!bytes.empty()) {
    const ssize_t count = pwrite(file, bytes.data(), bytes.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail("memory for the weights of the next start: {}", std::strerror(errno));
    bytes = bytes.subspan(static_cast<size_t>(count));
    offset += count;
  }
  return {};
}

Status read_at(int file, std::span<std::byte> bytes, int64_t offset) {
  while (!bytes.empty()) {
    const ssize_t count = pread(file, bytes.data(), bytes.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail("the weights of the last start: {}", count < 0 ? std::strerror(errno) : "cut short");
    bytes = bytes.subspan(static_cast<size_t>(count));
    offset += count;
  }
  return {};
}

}  // namespace

// At the file's beginning; zeros until the weights are whole.
struct KeptWeights::Header {
  uint64_t magic = 0;
  int64_t weights_end = 0;  // in the file; the checksums follow
  int64_t num_sums = 0;
  std::array<char, 3072> what = {};

  bool is_of(std::string_view other) const {
    return magic == kWholeMagic && what.back() == 0 && std::string_view(what.data()) == other;
  }
};

Result<std::unique_ptr<KeptWeights>> KeptWeights::open(KeptMemory memory, std::string what) {
  static_assert(sizeof(Header) <= 4096);
  constexpr size_t kMost = std::tuple_size_v<decltype(Header::what)> - 1;
  if (what.size() > kMost) return fail("{} bytes say what the weights are, of at most {}", what.size(), kMost);
  auto kept = std::unique_ptr<KeptWeights>(new KeptWeights(std::move(memory), std::move(what)));
  if (kept->memory_.bytes() >= kWeightsBegin) {
    TRY(const Header header, kept->read_header());
    kept->are_there_ = header.is_of(kept->what_);
  }
  kept->end_ = kWeightsBegin;
  if (!kept->are_there_) TRY_STATUS(kept->memory_.clear(kWeightsBegin));
  return kept;
}

Result<KeptWeights::Header> KeptWeights::read_header() const {
  Header header;
  TRY_STATUS(read_at(memory_.file(), std::as_writable_bytes(std::span(&header, 1)), 0));
  return header;
}

std::shared_ptr<const Mapping> KeptWeights::take(int64_t bytes) {
  const int64_t begin = std::exchange(end_, end_ + whole_huge_pages(bytes));
  if (are_there_) {
    CHECK(end_ <= memory_.bytes(), "weights up to byte {} of {}", end_, memory_.bytes());
  } else if (ftruncate(memory_.file(), end_) != 0) {
    end_ = begin;
    throw std::bad_alloc();
  }
  taken_.push_back(std::make_shared<const Mapping>(memory_.file(), bytes, begin));
  if (are_there_) taken_.back()->make_read_only();
  return taken_.back();
}

void KeptWeights::prepare(std::span<std::byte> bytes) const {
  if (are_there_) {
    map_now(bytes);
    return;
  }
  const auto begin = reinterpret_cast<uintptr_t>(bytes.data()) / kHugePage * kHugePage;
  const auto end = reinterpret_cast<uintptr_t>(bytes.data() + bytes.size()) / kHugePage * kHugePage;
  if (begin < end) back_huge_pages_of_file({reinterpret_cast<std::byte*>(begin), end - begin});
}

Status KeptWeights::finish(std::span<const uint64_t> sums) {
  CHECK(!are_there_, "the weights were there");
  const std::span<const std::byte> bytes = std::as_bytes(sums);
  TRY_STATUS(write_at(memory_.file(), bytes, end_));
  Header header{.magic = kWholeMagic, .weights_end = end_, .num_sums = std::ssize(sums)};
  std::ranges::copy(what_, header.what.begin());
  // Within a page, of which a process that is killed has written all or nothing.
  TRY_STATUS(write_at(memory_.file(), std::as_bytes(std::span(&header, 1)), 0));
  for (const auto& mapping : taken_) mapping->make_read_only();
  return {};
}

Result<std::vector<uint64_t>> KeptWeights::sums() const {
  TRY(const Header header, read_header());
  CHECK(end_ == header.weights_end, "weights up to byte {}, the last start had them up to {}", end_,
        header.weights_end);
  std::vector<uint64_t> sums(static_cast<size_t>(header.num_sums));
  TRY_STATUS(read_at(memory_.file(), std::as_writable_bytes(std::span(sums)), header.weights_end));
  return sums;
}

}  // namespace braid
