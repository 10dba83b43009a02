#include "braid/weights/pack_cache/pack_file.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <tuple>
#include <utility>

#include "braid/base/checksum.h"
#include "braid/base/function_ref.h"

namespace braid {
namespace {

constexpr uint64_t kMagic = 0x4b43415044494152;  // "RAIDPACK"
constexpr int64_t kAlignment = 4096;
constexpr int64_t kCheckedBytes = int64_t{256} << 10;  // checked while it is in the core's own cache
// A thread takes this many at a time if there is enough for all: a huge page, so that no two threads touch it first.
constexpr int64_t kChunksAtOnce = 8;
constexpr uint64_t kMaxIndexBytes = uint64_t{256} << 20;  // enough for terabytes of weights
constexpr size_t kDigestWords = std::tuple_size_v<Digest>;
constexpr size_t kEntryWords = kDigestWords + 2;  // of the index, before its checksums

enum HeaderWord : size_t {
  kMagicWord,
  kVersionWord,
  kKeyWords,
  kNumEntriesWord = kKeyWords + kDigestWords,
  kIndexOffsetWord,
  kIndexBytesWord,
  kIndexSumWord,
  kHeaderSumWord,
  kNumHeaderWords,
};
using Header = std::array<uint64_t, kNumHeaderWords>;

uint64_t header_sum(const Header& header) {
  return checksum(std::as_bytes(std::span(header).first(kHeaderSumWord)));
}

int64_t num_chunks(int64_t bytes) {
  return (bytes + kCheckedBytes - 1) / kCheckedBytes;
}

// Calls work(chunk's number, its begin, its end) for all of `bytes` bytes on all threads; returns any error.
Status for_each_chunk(int64_t bytes, ThreadTeam& team,
                      FunctionRef<Status(size_t chunk, int64_t begin, int64_t end)> work) {
  const int64_t count = num_chunks(bytes);
  const int64_t at_once = count >= kChunksAtOnce * team.size() ? kChunksAtOnce : 1;
  std::vector<Status> results(static_cast<size_t>(team.size()));
  std::atomic<int64_t> next = 0;
  team.run([&](int thread) {
    Status& result = results[static_cast<size_t>(thread)];
    for (int64_t first = next.fetch_add(at_once); first < count; first = next.fetch_add(at_once)) {
      for (int64_t chunk = first; chunk < std::min(first + at_once, count) && result.ok(); ++chunk) {
        const int64_t begin = chunk * kCheckedBytes;
        result = work(static_cast<size_t>(chunk), begin, std::min(begin + kCheckedBytes, bytes));
      }
    }
  });
  for (const Status& result : results) TRY_STATUS(result);
  return {};
}

// Reads the words of an index, one after another.
class IndexReader {
 public:
  explicit IndexReader(std::span<const uint64_t> words) : words_(words) {}

  bool has(size_t count) const { return words_.size() >= count; }
  std::span<const uint64_t> take(size_t count) {
    const auto taken = words_.first(count);
    words_ = words_.subspan(count);
    return taken;
  }

 private:
  std::span<const uint64_t> words_;
};

// Parses the index. Entries must end before `end`. Its checksum was right, so only its writer can have made it wrong.
Result<std::map<Digest, PackEntry>> parse_index(std::span<const uint64_t> words, uint64_t num_entries, int64_t end) {
  std::map<Digest, PackEntry> entries;
  IndexReader reader(words);
  for (uint64_t i = 0; i < num_entries; ++i) {
    if (!reader.has(kEntryWords)) return fail("its index ends before entry {}", i);
    Digest digest;
    std::ranges::copy(reader.take(kDigestWords), digest.begin());
    const auto place = reader.take(2);
    const auto limit = static_cast<uint64_t>(end);
    if (place[0] > limit || place[1] > limit - place[0]) return fail("its entry {} is not within it", i);
    PackEntry entry{.offset = static_cast<int64_t>(place[0]), .bytes = static_cast<int64_t>(place[1]), .checksums = {}};
    const auto count = static_cast<size_t>(num_chunks(entry.bytes));
    if (!reader.has(count)) return fail("its index ends in entry {}", i);
    const auto sums = reader.take(count);
    entry.checksums.assign(sums.begin(), sums.end());
    entries.emplace(digest, std::move(entry));
  }
  if (reader.has(1)) return fail("its index is too long");
  return entries;
}

}  // namespace

Result<PackFile> PackFile::open(const std::string& path, const Digest& key) {
  TRY(InputFile file, InputFile::open(path));
  Header header = {};
  const auto bytes = static_cast<uint64_t>(file.bytes());
  if (bytes < sizeof header) return fail("it has {} bytes, which are no header", bytes);
  TRY_STATUS(file.read(0, std::as_writable_bytes(std::span(header))));
  if (header[kMagicWord] != kMagic) return fail("it is no file of packed weights");
  if (header[kVersionWord] != kPackVersion) {
    return fail("it has version {} of the format, this program reads {}", header[kVersionWord], kPackVersion);
  }
  if (header[kHeaderSumWord] != header_sum(header)) return fail("its header is damaged");
  if (!std::equal(key.begin(), key.end(), header.begin() + kKeyWords)) return fail("it is of other weights");
  const uint64_t index_offset = header[kIndexOffsetWord];
  const uint64_t index_bytes = header[kIndexBytesWord];
  if (index_offset > bytes || index_bytes != bytes - index_offset || index_bytes % sizeof(uint64_t) != 0) {
    return fail("it has {} bytes, its header says {}", bytes, index_offset + index_bytes);
  }
  if (index_bytes > kMaxIndexBytes) return fail("its index has {} bytes, at most {}", index_bytes, kMaxIndexBytes);
  std::vector<uint64_t> index(index_bytes / sizeof(uint64_t));
  TRY_STATUS(file.read(static_cast<int64_t>(index_offset), std::as_writable_bytes(std::span(index))));
  if (checksum(std::as_bytes(std::span(index))) != header[kIndexSumWord]) return fail("its index is damaged");
  PackFile pack(std::move(file));
  TRY(pack.entries_, parse_index(index, header[kNumEntriesWord], static_cast<int64_t>(index_offset)));
  return pack;
}

const PackEntry* PackFile::find(const Digest& digest) const {
  const auto found = entries_.find(digest);
  return found == entries_.end() ? nullptr : &found->second;
}

Status PackFile::read(const PackEntry& entry, std::span<std::byte> out, ThreadTeam& team) {
  CHECK(static_cast<int64_t>(out.size()) == entry.bytes, "{} bytes for an entry of {}", out.size(), entry.bytes);
  read_ahead_.at(file_, entry.offset + entry.bytes);
  return for_each_chunk(entry.bytes, team, [&](size_t chunk, int64_t begin, int64_t end) -> Status {
    const auto own = out.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
    TRY_STATUS(file_.read(entry.offset + begin, own));
    if (checksum(own) == entry.checksums[chunk]) return {};
    return fail("it is damaged between bytes {} and {}", entry.offset + begin, entry.offset + end);
  });
}

PackFileWriter::PackFileWriter(NewFile file, const Digest& key)
    : file_(std::move(file)), key_(key), end_(sizeof(Header)) {}

Result<PackFileWriter> PackFileWriter::create(const std::string& path, const Digest& key) {
  TRY(NewFile file, NewFile::create(path));
  return PackFileWriter(std::move(file), key);
}

Status PackFileWriter::append(const Digest& digest, std::span<const std::byte> bytes, ThreadTeam& team) {
  if (entries_.contains(digest)) return {};
  PackEntry entry{.offset = (end_ + kAlignment - 1) / kAlignment * kAlignment,
                  .bytes = static_cast<int64_t>(bytes.size()),
                  .checksums = {}};
  entry.checksums.resize(static_cast<size_t>(num_chunks(entry.bytes)));
  TRY_STATUS(for_each_chunk(entry.bytes, team, [&](size_t chunk, int64_t begin, int64_t end) {
    const auto own = bytes.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
    entry.checksums[chunk] = checksum(own);
    return file_.write(entry.offset + begin, own);
  }));
  end_ = entry.offset + entry.bytes;
  entries_.emplace(digest, std::move(entry));
  return {};
}

Status PackFileWriter::commit() {
  std::vector<uint64_t> index;
  for (const auto& [digest, entry] : entries_) {
    index.insert(index.end(), digest.begin(), digest.end());
    index.push_back(static_cast<uint64_t>(entry.offset));
    index.push_back(static_cast<uint64_t>(entry.bytes));
    index.insert(index.end(), entry.checksums.begin(), entry.checksums.end());
  }
  const auto index_bytes = std::as_bytes(std::span(index));
  Header header = {};
  header[kMagicWord] = kMagic;
  header[kVersionWord] = kPackVersion;
  std::ranges::copy(key_, header.begin() + kKeyWords);
  header[kNumEntriesWord] = entries_.size();
  header[kIndexOffsetWord] = static_cast<uint64_t>(end_);
  header[kIndexBytesWord] = index_bytes.size();
  header[kIndexSumWord] = checksum(index_bytes);
  header[kHeaderSumWord] = header_sum(header);
  TRY_STATUS(file_.write(end_, index_bytes));
  end_ += static_cast<int64_t>(index_bytes.size());
  TRY_STATUS(file_.write(0, std::as_bytes(std::span(header))));
  return file_.commit();
}

}  // namespace braid
