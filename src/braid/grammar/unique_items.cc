#include "braid/grammar/unique_items.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <limits>
#include <string>
#include <unordered_set>

#include "braid/grammar/mixed_bits.h"
#include "braid/grammar/regex/cursor.h"
#include "braid/tokenizer/unicode/utf8.h"

namespace braid::grammar {
namespace {

// Symbols of a text apart from its bytes.
constexpr uint64_t kStringBegin = 0x100;
constexpr uint64_t kStringEnd = 0x101;
constexpr uint64_t kNumberValue = 0x102;
constexpr uint64_t kObjectEnd = 0x103;
constexpr uint64_t kArrayEnd = 0x104;

uint64_t joined_hash(uint64_t hash, uint64_t value) {
  return mixed_bits(hash * 0xD6E8FEB86659FD93ULL + value);
}

}  // namespace

struct UniqueItems::Earlier {
  explicit Earlier(const std::shared_ptr<MemoryMeter>& meter) : share(meter) {}
  Earlier(const Earlier& other, const std::shared_ptr<MemoryMeter>& meter)
      : items(other.items), prefixes(other.prefixes), trail(other.trail), share(meter) {}

  std::unordered_set<uint64_t> items;
  std::unordered_set<uint64_t> prefixes;  // of the items' texts: values of Array::stream
  std::vector<uint64_t> trail;            // prefixes of the current item
  MemoryMeter::Share share;
};

void UniqueItems::read(uint8_t byte, bool opens_unique, Cursor& at) {
  if (!at.is_active_ && !opens_unique) return;
  at.ends_value_ = false;
  switch (at.place_) {
    case Place::kInString:
      return read_string(byte, at);
    case Place::kInEscape:
      return read_escape(byte, at);
    case Place::kInLiteral:
      if (--at.letters_left_ > 0) return;
      at.place_ = Place::kBetween;
      return end_value(at.text_, at);
    case Place::kInNumber:
      if ((byte >= '0' && byte <= '9') || byte == '.' || byte == 'e' || byte == 'E' || byte == '+' || byte == '-') {
        at.number_ = digits_.add(at.number_, static_cast<char>(byte));
        at.ends_value_ = true;
        return;
      }
      at.place_ = Place::kBetween;
      end_value(number_hash(at), at);
      at.ends_value_ = false;  // it ended before this byte
      break;
    case Place::kBetween:
      break;
  }
  read_structure(byte, opens_unique, at);
}

void UniqueItems::read_structure(uint8_t byte, bool opens_unique, Cursor& at) {
  switch (byte) {
    case ' ':
    case '\n':
    case '\t':
    case '\r':
      return;
    case '"':
      at.place_ = Place::kInString;
      at.is_key_ = at.level_.kind == Kind::kMembers && !at.level_.has_key;
      at.text_ = kStringBegin;
      return append(kStringBegin, at);
    case '[':
      return open(opens_unique ? Kind::kUniqueItems : Kind::kItems, byte, at);
    case '{':
      return open(Kind::kMembers, byte, at);
    case ']':
    case '}':
      return close(byte, at);
    case ',':
      take_value(at);
      if (at.level_.kind != Kind::kUniqueItems) append(byte, at);
      return;
    case ':':
      at.level_.has_key = true;
      return append(byte, at);
    case 't':
    case 'f':
    case 'n':
      at.place_ = Place::kInLiteral;
      at.letters_left_ = byte == 'f' ? 4 : 3;
      at.text_ = byte;
      return;
    default:
      if (byte != '-' && (byte < '0' || byte > '9')) {
        at = {};  // no JSON: another reading of the text goes on
        return;
      }
      at.place_ = Place::kInNumber;
      at.number_ = digits_.add(kEmpty, static_cast<char>(byte));
      at.ends_value_ = true;
  }
}

void UniqueItems::read_string(uint8_t byte, Cursor& at) {
  if (byte == '\\') {
    at.place_ = Place::kInEscape;
    at.units_left_ = 0;
    return;
  }
  if (byte != '"') {
    at.text_ = joined_hash(at.text_, byte);
    return append(byte, at);
  }
  at.place_ = Place::kBetween;
  at.high_surrogate_ = 0;
  const uint64_t hash = joined_hash(at.text_, kStringEnd);
  append(kStringEnd, at);
  if (at.is_key_) {
    at.level_.key = hash;
    return;
  }
  at.value_ = hash;
  at.has_value_ = true;
  at.ends_value_ = true;
}

void UniqueItems::read_escape(uint8_t byte, Cursor& at) {
  if (at.units_left_ == 0) {
    if (byte == 'u') {
      at.units_left_ = 4;
      at.unit_ = 0;
      return;
    }
    at.place_ = Place::kInString;
    const char32_t plain = byte == 'b'   ? '\b'
                           : byte == 'f' ? '\f'
                           : byte == 'n' ? '\n'
                           : byte == 'r' ? '\r'
                           : byte == 't' ? '\t'
                                         : static_cast<char32_t>(byte);
    return add_character(plain, at);
  }
  at.unit_ = at.unit_ * 16 + static_cast<uint32_t>(std::max(0, hex_value(byte)));
  if (--at.units_left_ > 0) return;
  at.place_ = Place::kInString;
  if (at.unit_ >= 0xD800 && at.unit_ < 0xDC00) {
    at.high_surrogate_ = at.unit_;
  } else if (at.unit_ >= 0xDC00 && at.unit_ < 0xE000) {
    add_character(0x10000 + ((at.high_surrogate_ & 0x3FF) << 10) + (at.unit_ & 0x3FF), at);
  } else {
    add_character(at.unit_, at);
  }
}

void UniqueItems::add_character(char32_t c, Cursor& at) {
  std::string utf8;
  unicode::append_code_point(c, utf8);
  for (const char byte : utf8) {
    at.text_ = joined_hash(at.text_, static_cast<uint8_t>(byte));
    append(static_cast<uint8_t>(byte), at);
  }
}

void UniqueItems::open(Kind kind, uint8_t byte, Cursor& at) {
  if (kind != Kind::kUniqueItems) append(byte, at);
  at.has_value_ = false;
  if (at.is_active_) at.outer_ = outers_.add(at.outer_, {at.level_, at.array_});
  at.is_active_ = true;
  at.level_ = {.kind = kind, .hash = kArrayEnd};
  if (kind == Kind::kUniqueItems) at.array_ = {};
}

void UniqueItems::close(uint8_t byte, Cursor& at) {
  const bool is_unique = at.level_.kind == Kind::kUniqueItems;
  if (!is_unique) append(byte, at);
  take_value(at);
  const uint64_t hash = at.level_.kind == Kind::kMembers ? object_hash(at.level_.members) : at.level_.hash;
  if (at.outer_ == kEmpty) {
    at = {};
    return;
  }
  const Outer& outer = outers_.last(at.outer_);
  at.level_ = outer.level;
  if (is_unique) at.array_ = outer.array;
  at.outer_ = outers_.before(at.outer_);
  if (is_unique) append(hash, at);
  at.value_ = hash;
  at.has_value_ = true;
  at.ends_value_ = true;
}

void UniqueItems::end_value(uint64_t hash, Cursor& at) {
  append(hash, at);
  at.value_ = hash;
  at.has_value_ = true;
  at.ends_value_ = true;
}

// Makes the complete value, if there is one, a part of the innermost array or object.
void UniqueItems::take_value(Cursor& at) {
  if (!at.has_value_) return;
  at.has_value_ = false;
  Level& level = at.level_;
  if (level.kind == Kind::kMembers) {
    level.members = members_.add(level.members, {level.key, at.value_});
    level.has_key = false;
  } else {
    level.hash = joined_hash(level.hash, at.value_);
  }
  if (level.kind == Kind::kUniqueItems) {
    at.array_.recent = recent_.add(at.array_.recent, at.value_);
    at.array_.stream = 0;
    at.array_.fresh_before = at.array_.fresh;
  }
}

void UniqueItems::append(uint64_t symbol, Cursor& at) {
  Array& array = at.array_;
  array.stream = joined_hash(array.stream, symbol);
  array.fresh = fresh_.add(array.fresh, array.stream);
}

// As doubles, which is how most readers hold them.
uint64_t UniqueItems::number_hash(const Cursor& at) const {
  const std::vector<char> digits = digits_.values(at.number_);
  double number = std::numeric_limits<double>::infinity();
  (void)std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (number == 0) number = 0;  // -0
  return joined_hash(kNumberValue, std::bit_cast<uint64_t>(number));
}

// Of two members with one key the later counts, as for most readers.
uint64_t UniqueItems::object_hash(uint32_t members) const {
  std::vector<Member> sorted = members_.values(members);
  std::ranges::stable_sort(sorted, {}, &Member::key);
  uint64_t hash = kObjectEnd;
  for (size_t i = 0; i < sorted.size(); ++i) {
    const bool is_replaced = i + 1 < sorted.size() && sorted[i + 1].key == sorted[i].key;
    if (!is_replaced) hash = joined_hash(joined_hash(hash, sorted[i].key), sorted[i].value);
  }
  return hash;
}

bool UniqueItems::is_earlier(const Array& array, uint64_t hash) const {
  if (array.earlier != kEmpty && kept_[array.earlier]->items.contains(hash)) return true;
  return recent_.contains(array.recent, hash);
}

bool UniqueItems::repeats(const Cursor& at) const {
  if (!at.ends_value_ || !at.is_active_ || at.level_.kind != Kind::kUniqueItems) return false;
  return is_earlier(at.array_, at.place_ == Place::kInNumber ? number_hash(at) : at.value_);
}

bool UniqueItems::has_new_item(const Cursor& at) const {
  if (!at.is_active_ || at.level_.kind != Kind::kUniqueItems) return false;
  if (at.place_ != Place::kInNumber) return at.has_value_;
  const char digit = digits_.last(at.number_);
  return digit >= '0' && digit <= '9' && !repeats(at);
}

bool UniqueItems::is_new(const Cursor& at) const {
  if (!at.is_active_) return true;
  const Array& array = at.array_;
  const Earlier* earlier = array.earlier == kEmpty ? nullptr : kept_[array.earlier].get();
  const bool has_kept = earlier != nullptr && !earlier->items.empty();
  if (!has_kept && array.recent == kEmpty) return true;
  if (array.stream == 0 || (has_kept && earlier->prefixes.contains(array.stream))) return false;
  if (array.recent == kEmpty) return true;
  // The first of the recent items may have begun in the text that is kept.
  const bool is_on_trail =
      earlier != nullptr && std::ranges::find(earlier->trail, array.stream) != earlier->trail.end();
  return !is_on_trail && !fresh_.contains(array.fresh_before, array.stream);
}

uint64_t UniqueItems::fingerprint(const Cursor& at) const {
  uint64_t hash = joined_hash(static_cast<uint64_t>(at.place_), at.array_.stream);
  Kind kind = at.level_.kind;
  for (uint32_t outer = at.outer_; outer != kEmpty; outer = outers_.before(outer)) {
    const uint64_t stream = kind == Kind::kUniqueItems ? outers_.last(outer).array.stream : 0;
    hash = joined_hash(hash, stream);
    kind = outers_.last(outer).level.kind;
  }
  if (at.place_ == Place::kInNumber) {
    for (uint32_t number = at.number_; number != kEmpty; number = digits_.before(number)) {
      hash = joined_hash(hash, static_cast<uint8_t>(digits_.last(number)));
    }
  }
  return joined_hash(hash, at.place_ == Place::kInLiteral
                               ? at.text_ * 8 + static_cast<uint64_t>(at.letters_left_)
                               : uint64_t{at.unit_} * 8 + static_cast<uint64_t>(at.units_left_));
}

void UniqueItems::keep(const Cursor& cursor) {
  now_ = cursor;
  std::vector<Array*> arrays;  // the innermost first
  if (now_.is_active_) arrays.push_back(&now_.array_);
  Kind kind = now_.level_.kind;
  for (uint32_t outer = now_.outer_; outer != kEmpty; outer = outers_.before(outer)) {
    if (kind == Kind::kUniqueItems) arrays.push_back(&outers_.last(outer).array);
    kind = outers_.last(outer).level.kind;
  }
  kept_.resize(arrays.size());
  for (size_t i = 0; i < arrays.size(); ++i) keep(*arrays[arrays.size() - 1 - i], i);
  recent_.shrink(0);
  fresh_.shrink(0);
  std::vector<char> digits;
  if (now_.place_ == Place::kInNumber) digits = digits_.values(now_.number_);
  digits_.shrink(0);
  now_.number_ = kEmpty;
  for (const char digit : digits) now_.number_ = digits_.add(now_.number_, digit);
  constexpr size_t kFewEntries = 64;
  if (outers_.size() + members_.size() > 2 * num_compact_ + kFewEntries) compact();
  num_outers_ = outers_.size();
  num_members_ = members_.size();
  num_digits_ = digits_.size();
}

void UniqueItems::keep(Array& array, size_t place) {
  if (array.earlier == kEmpty) {
    array.earlier = static_cast<uint32_t>(place);
    kept_[place] = std::make_shared<Earlier>(meter_);
  }
  if (array.recent == kEmpty && array.fresh == kEmpty) return;
  if (kept_[place].use_count() > 1) kept_[place] = std::make_shared<Earlier>(*kept_[place], meter_);
  Earlier& earlier = *kept_[place];
  if (array.recent != kEmpty) {
    for (const uint64_t hash : recent_.values(array.recent)) earlier.items.insert(hash);
    earlier.prefixes.insert(earlier.trail.begin(), earlier.trail.end());
    for (const uint64_t prefix : fresh_.values(array.fresh_before)) earlier.prefixes.insert(prefix);
    earlier.trail.clear();
    constexpr size_t kEntryBytes = 32;
    earlier.share.set(static_cast<int64_t>((earlier.items.size() + earlier.prefixes.size()) * kEntryBytes));
  }
  const auto middle = static_cast<std::ptrdiff_t>(earlier.trail.size());
  for (uint32_t fresh = array.fresh; fresh != array.fresh_before; fresh = fresh_.before(fresh)) {
    earlier.trail.push_back(fresh_.last(fresh));
  }
  std::reverse(earlier.trail.begin() + middle, earlier.trail.end());
  array.recent = array.fresh = array.fresh_before = kEmpty;
}

void UniqueItems::drop() {
  outers_.shrink(num_outers_);
  members_.shrink(num_members_);
  digits_.shrink(num_digits_);
  recent_.shrink(0);
  fresh_.shrink(0);
}

// Leaves only the entries that the text needs: those of closed arrays and objects, and of ways that were not taken, go.
void UniqueItems::compact() {
  Chains<Member> members;
  const auto moved = [&](Level level) {
    const std::vector<Member> all = members_.values(level.members);
    level.members = kEmpty;
    for (const Member& member : all) level.members = members.add(level.members, member);
    return level;
  };
  Chains<Outer> outers;
  const std::vector<Outer> around = outers_.values(now_.outer_);
  now_.outer_ = kEmpty;
  for (const Outer& outer : around) now_.outer_ = outers.add(now_.outer_, {moved(outer.level), outer.array});
  now_.level_ = moved(now_.level_);
  outers_ = std::move(outers);
  members_ = std::move(members);
  num_compact_ = outers_.size() + members_.size();
}

}  // namespace braid::grammar
