// What the front and the node that stands by tell each other of the journal: the bytes of its files, and how many of
// them are kept. Plain data. Tested by process_message_codec_test.cc.
#pragma once

#include <cstdint>
#include <string>

namespace braid {

// A piece of a copy of the journal, to the node that stands by. A copy begins with all that is needed, and goes on with
// what is written since.
struct JournalPart {
  uint64_t copy = 0;      // which; another one begins anew
  uint64_t begin = 0;     // how many bytes of the copy lie before
  bool is_whole = false;  // the copy has everything that was written when this was sent
  std::string bytes;      // of the files; a record may lie in several parts

  bool operator==(const JournalPart&) const = default;
};

// The answer.
struct JournalKept {
  uint64_t copy = 0;
  uint64_t end = 0;     // so many bytes of the copy are kept
  std::string refusal;  // not empty: the copy must begin anew, and why

  bool operator==(const JournalKept&) const = default;
};

}  // namespace braid
