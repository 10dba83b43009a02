// A file of packed weights: runs of bytes, found by the digest of their description, with checksums of everything. It
// is read with ordinary reads, because a mapped file that is shortened ends the process. Tested by pack_cache_test.cc.
//
//   8-byte words, in this machine's byte order: magic and version; the file's key; number of entries; begin, bytes and
//   checksum of the index; the checksum of this header. Then the entries' bytes, each at a multiple of 4096. Then the
//   index: the digest, place and bytes of each entry, and a checksum of every 256 KB.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "braid/base/result.h"
#include "braid/base/thread_team.h"
#include "braid/formats/input_file.h"
#include "braid/weights/pack_cache/digest.h"
#include "braid/weights/pack_cache/new_file.h"
#include "braid/weights/read_ahead.h"

namespace braid {

// Raise it whenever a checkpoint's tensors get other packed bytes than before: because of another layout
// (kernels/packed_matrix.h), or a fix of a dequantization. A test knows the bytes of this version.
inline constexpr uint64_t kPackVersion = 2;

struct PackEntry {
  int64_t offset = 0;
  int64_t bytes = 0;
  std::vector<uint64_t> checksums;
};

class PackFile {
 public:
  // Opens a whole file of this version with this key; the error says what the file is instead. Entries are checked when
  // they are read.
  static Result<PackFile> open(const std::string& path, const Digest& key);

  const PackEntry* find(const Digest& digest) const;  // null: no such entry

  // Reads all of an entry, with all threads of the team; `out` has its size. If the entry cannot be read or is damaged,
  // it is an error, and `out` has any content.
  Status read(const PackEntry& entry, std::span<std::byte> out, ThreadTeam& team);

 private:
  explicit PackFile(InputFile file) : file_(std::move(file)) {}

  InputFile file_;
  ReadAhead read_ahead_;
  std::map<Digest, PackEntry> entries_;
};

class PackFileWriter {
 public:
  static Result<PackFileWriter> create(const std::string& path, const Digest& key);

  // An entry that exists already is not written again.
  Status append(const Digest& digest, std::span<const std::byte> bytes, ThreadTeam& team);
  // From now on the file exists, in place of any older one.
  Status commit();

  int64_t bytes() const { return end_; }

 private:
  PackFileWriter(NewFile file, const Digest& key);

  NewFile file_;
  Digest key_;
  int64_t end_;
  std::map<Digest, PackEntry> entries_;
};

}  // namespace braid
