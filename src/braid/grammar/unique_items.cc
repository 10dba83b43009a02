#include "braid/grammar/unique_items.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <limits>
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

// Of two members with one key the later counts, as for most readers.
uint64_t object_hash(std::vector<std::pair<uint64_t, uint64_t>> members) {
  std::ranges::stable_sort(members, {}, &std::pair<uint64_t, uint64_t>::first);
  uint64_t hash = kObjectEnd;
  for (size_t i = 0; i < members.size(); ++i) {
    const bool is_replaced = i + 1 < members.size() && members[i + 1].first == members[i].first;
    if (!is_replaced) hash = joined_hash(joined_hash(hash, members[i].first), members[i].second);
  }
  return hash;
}

}  // namespace

struct UniqueItems::Earlier {
  explicit Earlier(const std::shared_ptr<MemoryMeter>& meter) : share(meter) {}
  Earlier(const Earlier& other, const std::shared_ptr<MemoryMeter>& meter)
      : items(other.items), prefixes(other.prefixes), trail(other.trail), share(meter) {}

  std::unordered_set<uint64_t> items;
  std::unordered_set<uint64_t> prefixes;  // of the items' texts: values of Level::stream
  std::vector<uint64_t> trail;            // prefixes of the current item
  MemoryMeter::Share share;
};

void UniqueItems::read(uint8_t byte, bool opens_unique) {
  if (!is_active() && !opens_unique) return;
  ends_value_ = false;
  switch (place_) {
    case Place::kInString:
      return read_string(byte);
    case Place::kInEscape:
      return read_escape(byte);
    case Place::kInLiteral:
      if (--letters_left_ > 0) return;
      place_ = Place::kBetween;
      return end_value(text_);
    case Place::kInNumber:
      if ((byte >= '0' && byte <= '9') || byte == '.' || byte == 'e' || byte == 'E' || byte == '+' || byte == '-') {
        number_ += static_cast<char>(byte);
        ends_value_ = true;
        return;
      }
      place_ = Place::kBetween;
      end_value(number_hash());
      ends_value_ = false;  // it ended before this byte
      break;
    case Place::kBetween:
      break;
  }
  read_structure(byte, opens_unique);
}

void UniqueItems::read_structure(uint8_t byte, bool opens_unique) {
  switch (byte) {
    case ' ':
    case '\n':
    case '\t':
    case '\r':
      return;
    case '"':
      place_ = Place::kInString;
      is_key_ = levels_.back().kind == Kind::kMembers && !levels_.back().has_key;
      text_ = kStringBegin;
      return append(kStringBegin);
    case '[':
      return open(opens_unique ? Kind::kUniqueItems : Kind::kItems, byte);
    case '{':
      return open(Kind::kMembers, byte);
    case ']':
    case '}':
      return close(byte);
    case ',':
      take_value();
      if (levels_.back().kind != Kind::kUniqueItems) append(byte);
      return;
    case ':':
      levels_.back().has_key = true;
      return append(byte);
    case 't':
    case 'f':
    case 'n':
      return begin_literal(byte);
    default:
      if (byte != '-' && (byte < '0' || byte > '9')) return forget();  // no JSON: another reading of the text goes on
      place_ = Place::kInNumber;
      number_ = static_cast<char>(byte);
      ends_value_ = true;
  }
}

void UniqueItems::read_string(uint8_t byte) {
  if (byte == '\\') {
    place_ = Place::kInEscape;
    units_left_ = 0;
    return;
  }
  if (byte != '"') {
    text_ = joined_hash(text_, byte);
    return append(byte);
  }
  place_ = Place::kBetween;
  high_surrogate_ = 0;
  const uint64_t hash = joined_hash(text_, kStringEnd);
  if (is_key_) {
    levels_.back().key = hash;
    return append(kStringEnd);
  }
  append(kStringEnd);
  value_ = hash;
  ends_value_ = true;
}

void UniqueItems::read_escape(uint8_t byte) {
  if (units_left_ == 0) {
    if (byte == 'u') {
      units_left_ = 4;
      unit_ = 0;
      return;
    }
    place_ = Place::kInString;
    const char32_t plain = byte == 'b'   ? '\b'
                           : byte == 'f' ? '\f'
                           : byte == 'n' ? '\n'
                           : byte == 'r' ? '\r'
                           : byte == 't' ? '\t'
                                         : static_cast<char32_t>(byte);
    return add_character(plain);
  }
  unit_ = unit_ * 16 + static_cast<uint32_t>(std::max(0, hex_value(byte)));
  if (--units_left_ > 0) return;
  place_ = Place::kInString;
  if (unit_ >= 0xD800 && unit_ < 0xDC00) {
    high_surrogate_ = unit_;
  } else if (unit_ >= 0xDC00 && unit_ < 0xE000) {
    add_character(0x10000 + ((high_surrogate_ & 0x3FF) << 10) + (unit_ & 0x3FF));
  } else {
    add_character(unit_);
  }
}

void UniqueItems::add_character(char32_t c) {
  std::string utf8;
  unicode::append_code_point(c, utf8);
  for (const char byte : utf8) {
    text_ = joined_hash(text_, static_cast<uint8_t>(byte));
    append(static_cast<uint8_t>(byte));
  }
}

void UniqueItems::open(Kind kind, uint8_t byte) {
  if (kind != Kind::kUniqueItems) append(byte);
  value_.reset();
  Level& level = levels_.emplace_back();
  level.kind = kind;
  level.hash = kArrayEnd;
  if (kind == Kind::kUniqueItems) level.earlier = std::make_shared<Earlier>(meter_);
}

void UniqueItems::close(uint8_t byte) {
  if (levels_.back().kind != Kind::kUniqueItems) append(byte);
  take_value();
  const Level& level = levels_.back();
  const bool is_unique = level.kind == Kind::kUniqueItems;
  const uint64_t hash = level.kind == Kind::kMembers ? object_hash(level.members) : level.hash;
  levels_.pop_back();
  if (levels_.empty()) return forget();
  if (is_unique) append(hash);
  value_ = hash;
  ends_value_ = true;
}

void UniqueItems::begin_literal(uint8_t byte) {
  place_ = Place::kInLiteral;
  letters_left_ = byte == 'f' ? 4 : 3;
  text_ = byte;
}

void UniqueItems::end_value(uint64_t hash) {
  append(hash);
  value_ = hash;
  ends_value_ = true;
}

// Makes the complete value, if there is one, a part of the innermost array or object.
void UniqueItems::take_value() {
  if (!value_) return;
  Level& level = levels_.back();
  if (level.kind == Kind::kMembers) {
    level.members.emplace_back(level.key, *value_);
    level.has_key = false;
  } else {
    level.hash = joined_hash(level.hash, *value_);
  }
  if (level.kind == Kind::kUniqueItems) {
    level.recent.push_back(*value_);
    level.stream = 0;
  }
  value_.reset();
}

void UniqueItems::append(uint64_t symbol) {
  for (size_t i = levels_.size(); i-- > 0;) {
    if (levels_[i].kind != Kind::kUniqueItems) continue;
    levels_[i].stream = joined_hash(levels_[i].stream, symbol);
    levels_[i].fresh.push_back(levels_[i].stream);
    return;
  }
}

// As doubles, which is how most readers hold them.
uint64_t UniqueItems::number_hash() const {
  double number = std::numeric_limits<double>::infinity();
  (void)std::from_chars(number_.data(), number_.data() + number_.size(), number);
  if (number == 0) number = 0;  // -0
  return joined_hash(kNumberValue, std::bit_cast<uint64_t>(number));
}

const UniqueItems::Level* UniqueItems::unique_level() const {
  for (size_t i = levels_.size(); i-- > 0;) {
    if (levels_[i].kind == Kind::kUniqueItems) return &levels_[i];
  }
  return nullptr;
}

bool UniqueItems::is_earlier(const Level& level, uint64_t hash) const {
  return level.earlier->items.contains(hash) || std::ranges::find(level.recent, hash) != level.recent.end();
}

bool UniqueItems::repeats() const {
  if (!ends_value_ || !is_active() || levels_.back().kind != Kind::kUniqueItems) return false;
  return is_earlier(levels_.back(), place_ == Place::kInNumber ? number_hash() : *value_);
}

bool UniqueItems::has_new_item() const {
  if (!is_active() || levels_.back().kind != Kind::kUniqueItems) return false;
  if (place_ == Place::kInNumber) return number_.back() >= '0' && number_.back() <= '9' && !repeats();
  return value_.has_value();
}

bool UniqueItems::is_new() const {
  const Level* level = unique_level();
  if (level == nullptr || (level->earlier->items.empty() && level->recent.empty())) return true;
  if (!level->recent.empty() || level->stream == 0) return false;
  return !level->earlier->prefixes.contains(level->stream);
}

uint64_t UniqueItems::fingerprint() const {
  uint64_t hash = joined_hash(levels_.size(), static_cast<uint64_t>(place_));
  for (const Level& level : levels_) hash = joined_hash(hash, level.stream);
  for (const char digit : place_ == Place::kInNumber ? number_ : std::string()) {
    hash = joined_hash(hash, static_cast<uint8_t>(digit));
  }
  return joined_hash(hash, place_ == Place::kInLiteral ? text_ * 8 + static_cast<uint64_t>(letters_left_)
                                                       : uint64_t{unit_} * 8 + static_cast<uint64_t>(units_left_));
}

void UniqueItems::keep() {
  for (size_t i = levels_.size(); i-- > 0;) {
    Level& level = levels_[i];
    if (level.kind != Kind::kUniqueItems) continue;
    if (level.recent.empty() && level.fresh.empty()) return;
    if (level.earlier.use_count() > 1) level.earlier = std::make_shared<Earlier>(*level.earlier, meter_);
    Earlier& earlier = *level.earlier;
    earlier.trail.insert(earlier.trail.end(), level.fresh.begin(), level.fresh.end());
    level.fresh.clear();
    if (!level.recent.empty()) {
      earlier.items.insert(level.recent.begin(), level.recent.end());
      earlier.prefixes.insert(earlier.trail.begin(), earlier.trail.end());
      earlier.trail.clear();
      level.recent.clear();
      constexpr size_t kEntryBytes = 32;
      earlier.share.set(static_cast<int64_t>((earlier.items.size() + earlier.prefixes.size()) * kEntryBytes));
    }
    return;
  }
}

void UniqueItems::forget() {
  levels_.clear();
  place_ = Place::kBetween;
  value_.reset();
  ends_value_ = false;
  high_surrogate_ = 0;
}

}  // namespace braid::grammar
