// Remembers the items of JSON arrays whose items must differ ("uniqueItems"), beside the automaton, which cannot. From
// such an array's '[' on it reads the text as JSON, and keeps a hash of each item. Equal items have equal hashes,
// however they are written (1 and 1.0, escapes, the order of keys), so no repetition is missed; an item that only
// shares its hash with another counts as a repetition too. Tested by unique_items_test.cc.
//
// A mask tries thousands of ways to go on. So a place in the text is a small value (Cursor) that many ways can start
// from. What they read is shared by all (Chains), and dropped afterwards.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "braid/grammar/chains.h"
#include "braid/grammar/memory_meter.h"

namespace braid::grammar {

class UniqueItems {
  enum class Kind : uint8_t { kMembers, kItems, kUniqueItems };
  enum class Place : uint8_t { kBetween, kInString, kInEscape, kInNumber, kInLiteral };
  static constexpr uint32_t kEmpty = UINT32_MAX;  // a list without entries

  // An open array or object.
  struct Level {
    Kind kind = Kind::kItems;
    bool has_key = false;       // of the next member
    uint64_t key = 0;           // its hash
    uint64_t hash = 0;          // of an array's items so far
    uint32_t members = kEmpty;  // of an object, in members_
  };
  // An open array of unique items. Items and their texts that keep() has not seen are in recent_ and fresh_.
  struct Array {
    uint32_t earlier = kEmpty;  // what keep() has seen: place in kept_
    uint64_t stream = 0;        // hash of the current item's text so far, in its one spelling; 0 at its start
    uint32_t recent = kEmpty;
    uint32_t fresh = kEmpty;         // values of `stream`
    uint32_t fresh_before = kEmpty;  // the same without those of the current item
  };

 public:
  // A place in the text. It stays valid until keep() or drop().
  class Cursor {
   public:
    // Inside an array of unique items.
    bool is_active() const { return is_active_; }
    bool is_in_string() const { return is_active_ && (place_ == Place::kInString || place_ == Place::kInEscape); }

   private:
    friend class UniqueItems;
    bool is_active_ = false;
    Place place_ = Place::kBetween;
    bool is_key_ = false;  // the string
    bool ends_value_ = false;
    bool has_value_ = false;   // complete, before the ',' or the bracket that follows
    int8_t units_left_ = 0;    // \uXXXX: its missing digits
    int8_t letters_left_ = 0;  // of a literal
    uint64_t value_ = 0;       // its hash
    uint64_t text_ = 0;        // hash of the string so far
    uint32_t unit_ = 0;        // \uXXXX: the digits so far
    uint32_t high_surrogate_ = 0;
    uint32_t number_ = kEmpty;  // in digits_
    Level level_;               // the innermost
    Array array_;               // the innermost
    uint32_t outer_ = kEmpty;   // those around them, in outers_; empty in the outermost array of unique items
  };

  // `meter` counts what is kept.
  explicit UniqueItems(std::shared_ptr<MemoryMeter> meter) : meter_(std::move(meter)) {}

  // Where the text that was kept ends.
  const Cursor& kept() const { return now_; }
  // Makes the text up to the cursor the one that is kept. Copies of this object are not affected.
  void keep(const Cursor& cursor);
  // Drops what was read beyond the text that is kept.
  void drop();

  // Reads the next byte. `opens_unique`: it is the '[' of an array whose items must differ. Before the first such
  // array, and after it, nothing is read.
  void read(uint8_t byte, bool opens_unique, Cursor& at);

  // After read(): the last byte ends a value, or may end it (a number), which stands in an array of unique items and
  // equals an earlier item.
  bool repeats(const Cursor& at) const;
  // The value that is being read in the innermost array of unique items certainly equals no earlier item, whatever
  // follows, except for the order of keys. True if there is no earlier item.
  bool is_new(const Cursor& at) const;
  // The value is a whole item of that array, or may be one (a number), and equals no earlier item.
  bool has_new_item(const Cursor& at) const;
  // Differs for different values that are being read, in the same arrays.
  uint64_t fingerprint(const Cursor& at) const;

 private:
  struct Earlier;  // the items of one array of unique items
  struct Outer {
    Level level;
    Array array;
  };
  struct Member {
    uint64_t key = 0;  // hashes
    uint64_t value = 0;
  };

  void read_structure(uint8_t byte, bool opens_unique, Cursor& at);
  void read_string(uint8_t byte, Cursor& at);
  void read_escape(uint8_t byte, Cursor& at);
  void add_character(char32_t c, Cursor& at);
  void open(Kind kind, uint8_t byte, Cursor& at);
  void close(uint8_t byte, Cursor& at);
  void end_value(uint64_t hash, Cursor& at);
  void take_value(Cursor& at);
  void append(uint64_t symbol, Cursor& at);
  uint64_t number_hash(const Cursor& at) const;
  uint64_t object_hash(uint32_t members) const;
  bool is_earlier(const Array& array, uint64_t hash) const;
  void keep(Array& array, size_t place);
  void compact();

  std::shared_ptr<MemoryMeter> meter_;
  std::vector<std::shared_ptr<Earlier>> kept_;  // by array, the outermost first
  Chains<Outer> outers_;
  Chains<Member> members_;
  Chains<uint64_t> recent_;
  Chains<uint64_t> fresh_;
  Chains<char> digits_;
  Cursor now_;
  size_t num_outers_ = 0;  // of the text that is kept
  size_t num_members_ = 0;
  size_t num_digits_ = 0;
  size_t num_compact_ = 0;  // outers and members after compact()
};

}  // namespace braid::grammar
