// A file of packed weights: runs of bytes, found by the digest of what they hold, with checksums of everything. Read
// with ordinary reads: a mapped file that somebody shortens ends the process.
//
//   8-byte words, as this machine writes them: magic and version; the file's key; number of entries; where the index
//   begins, its bytes and its checksum; this header's checksum. Then the entries' bytes, each from a multiple of 4096
//   on. Then the index: of each entry its digest, place and bytes, and a checksum of every 256 KB.
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

// To be raised whenever a checkpoint's tensors become other packed bytes than before: by another layout
// (kernels/packed_matrix.h), by mended dequantization. A test knows the bytes of this version.
inline constexpr uint64_t kPackVersion = 1;

struct PackEntry {
  int64_t offset = 0;
  int64_t bytes = 0;
  std::vector<uint64_t> checksums;
};

class PackFile {
 public:
  // Whole, of this version and with this key; the error says what it is instead. Entries are checked when they are
  // read.
  static Result<PackFile> open(const std::string& path, const Digest& key);

  const PackEntry* find(const Digest& digest) const;  // null: it has none

  // All of an entry, by all threads of the team; `out` has its size. An error if it cannot be read or is damaged:
  // anything may be in `out` then.
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

  // One that it has already is not written again.
  Status append(const Digest& digest, std::span<const std::byte> bytes, ThreadTeam& team);
  // The file is there from now on, in place of any that was.
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
