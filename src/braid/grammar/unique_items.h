// Remembers the items of JSON arrays whose items must differ ("uniqueItems"), beside the automaton, which cannot. From
// such an array's '[' on it reads the text as JSON, and keeps a hash of each item. Equal items have equal hashes,
// however they are written (1 and 1.0, escapes, the order of keys), so no repetition is missed; an item that only
// shares its hash with another counts as a repetition too. Cheap to copy. Tested by unique_items_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "braid/grammar/memory_meter.h"

namespace braid::grammar {

class UniqueItems {
 public:
  // `meter` counts what is kept.
  explicit UniqueItems(std::shared_ptr<MemoryMeter> meter) : meter_(std::move(meter)) {}

  // Inside such an array.
  bool is_active() const { return !levels_.empty(); }
  bool is_in_string() const { return is_active() && (place_ == Place::kInString || place_ == Place::kInEscape); }

  // Reads the text's next byte. `opens_unique`: it is the '[' of an array whose items must differ. Before the first
  // such array, and after it, nothing is read.
  void read(uint8_t byte, bool opens_unique);
  // Keeps what was read since the last call: later questions are answered faster. Copies are not affected.
  void keep();

  // After read(): the last byte ends a value, or may end it (a number), which stands in an array of unique items and
  // equals an earlier item.
  bool repeats() const;
  // The value that is being read in the innermost array of unique items certainly equals no earlier item, whatever
  // follows, except for the order of keys. True if there is no earlier item.
  bool is_new() const;
  // The value is a whole item of that array, or may be one (a number), and equals no earlier item.
  bool has_new_item() const;
  // Differs for different values that are being read, in the same arrays.
  uint64_t fingerprint() const;

 private:
  enum class Kind : uint8_t { kMembers, kItems, kUniqueItems };
  enum class Place : uint8_t { kBetween, kInString, kInEscape, kInNumber, kInLiteral };

  struct Earlier;  // the items of one array of unique items

  // An open array or object.
  struct Level {
    Kind kind = Kind::kItems;
    bool has_key = false;                                // of the next member
    uint64_t key = 0;                                    // its hash
    uint64_t hash = 0;                                   // of an array's items so far
    std::vector<std::pair<uint64_t, uint64_t>> members;  // of an object: hashes of keys and values
    // Of an array of unique items. Items that keep() has not seen are in `recent`.
    std::shared_ptr<Earlier> earlier;
    std::vector<uint64_t> recent;
    uint64_t stream = 0;          // hash of the current item's text so far, in its one spelling; 0 at its start
    std::vector<uint64_t> fresh;  // its values that keep() has not seen
  };

  void read_structure(uint8_t byte, bool opens_unique);
  void read_string(uint8_t byte);
  void read_escape(uint8_t byte);
  void add_character(char32_t c);
  void open(Kind kind, uint8_t byte);
  void close(uint8_t byte);
  void begin_literal(uint8_t byte);
  void end_value(uint64_t hash);
  void take_value();
  void append(uint64_t symbol);
  uint64_t number_hash() const;
  const Level* unique_level() const;  // the innermost
  bool is_earlier(const Level& level, uint64_t hash) const;
  void forget();

  std::shared_ptr<MemoryMeter> meter_;
  std::vector<Level> levels_;  // from the outermost array of unique items on
  Place place_ = Place::kBetween;
  bool is_key_ = false;  // the string
  bool ends_value_ = false;
  std::optional<uint64_t> value_;  // complete, before the ',' or the bracket that follows
  uint64_t text_ = 0;              // hash of the string so far
  uint32_t unit_ = 0;              // \uXXXX: the digits so far
  int units_left_ = 0;             // its missing digits
  uint32_t high_surrogate_ = 0;
  int letters_left_ = 0;  // of a literal
  std::string number_;
};

}  // namespace braid::grammar
