#include "braid/formats/json.h"

#include <cmath>
#include <cstring>
#include <span>
#include <unordered_map>
#include <utility>

namespace braid {
namespace {

// nlohmann's parser looks at each byte of a string several times and appends it alone: 2.6 ms of processor time for an
// image of 165 KB in base64, a tenth of the whole request. So the text is parsed without its long strings, which the
// builder puts back by their numbers.
constexpr size_t kLongString = 4096;

struct LongString {
  int64_t number = 0;  // of all strings, keys included, from 0
  std::string_view content;
};

struct ShortenedText {
  std::string text;  // with "" in place of each long string; empty if there is none
  std::vector<LongString> taken;
};

// ASCII without escapes and control characters: it means what stands there.
bool is_plain(std::string_view content) {
  if (content.find('\\') != std::string_view::npos) return false;
  constexpr uint64_t kTopBits = 0x8080'8080'8080'8080;
  constexpr uint64_t kSpaces = 0x2020'2020'2020'2020;
  uint64_t odd = 0;
  size_t at = 0;
  for (; at + sizeof(uint64_t) <= content.size(); at += sizeof(uint64_t)) {
    uint64_t eight = 0;
    std::memcpy(&eight, content.data() + at, sizeof(eight));
    odd |= eight | (eight - kSpaces);  // the lowest byte below a space borrows, and has its top bit set
  }
  for (; at < content.size(); ++at) {
    const auto byte = static_cast<unsigned char>(content[at]);
    odd |= byte < 0x20 ? kTopBits : byte;
  }
  return (odd & kTopBits) == 0;
}

// Of the string whose content begins at `begin`: where its closing quote is.
size_t end_of_string(std::string_view text, size_t begin) {
  for (size_t from = begin;;) {
    const size_t quote = text.find('"', from);
    if (quote == std::string_view::npos) return quote;
    size_t first = quote;  // of the backslashes before the quote: an even number are escapes of one another
    while (first > from && text[first - 1] == '\\') --first;
    if ((quote - first) % 2 == 0) return quote;
    from = quote + 1;
  }
}

// Outside of strings a quote begins one, whatever else is wrong with the text.
ShortenedText without_long_strings(std::string_view text) {
  ShortenedText shortened;
  if (text.size() < kLongString) return shortened;
  size_t num_copied = 0;
  int64_t number = 0;
  for (size_t open = text.find('"'); open != std::string_view::npos; ++number) {
    const size_t close = end_of_string(text, open + 1);
    if (close == std::string_view::npos) break;
    const std::string_view content = text.substr(open + 1, close - open - 1);
    if (content.size() >= kLongString && is_plain(content)) {
      shortened.text += text.substr(num_copied, open + 1 - num_copied);
      shortened.taken.push_back({.number = number, .content = content});
      num_copied = close;
    }
    open = text.find('"', close + 1);
  }
  if (!shortened.taken.empty()) shortened.text += text.substr(num_copied);
  return shortened;
}

// Builds the document from the parser's events. nlohmann's own builder finds a key of an ordered object by walking all
// keys before it, which takes minutes for a vocabulary of 150 000 entries. This one keeps an index for large objects.
class DocumentBuilder {
 public:
  // `taken`: strings that the parser sees as empty ones.
  explicit DocumentBuilder(const JsonLimits& limits, std::span<const LongString> taken = {})
      : limits_(limits), taken_(taken) {}

  bool null() { return add(Json(nullptr)) != nullptr; }
  bool boolean(bool value) { return add(Json(value)) != nullptr; }
  bool number_integer(int64_t value) { return add(Json(value)) != nullptr; }
  bool number_unsigned(uint64_t value) { return add(Json(value)) != nullptr; }
  bool number_float(double value, const std::string&) { return add(Json(value)) != nullptr; }
  bool string(std::string& value) {
    put_back(value);
    return add(Json(std::move(value))) != nullptr;
  }
  bool binary(Json::binary_t&) { return refuse("binary values are not JSON"); }

  bool start_object(size_t) { return open(Json::object()); }
  bool start_array(size_t) { return open(Json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(std::string& name) {
    put_back(name);
    Frame& frame = frames_.back();
    Members& members = frame.value->get_ref<Json::object_t&>();
    if (const auto existing = find_member(frame, members, name)) {
      if (limits_.unique_keys) return refuse(fmt::format("the key \"{}\" occurs twice", name.substr(0, 200)));
      frame.slot = &members[*existing].second;
      return true;
    }
    if (!frame.index.empty()) frame.index.emplace(name, members.size());
    members.emplace_back(std::move(name), Json());
    frame.slot = &members.back().second;
    return true;
  }

  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& error) {
    // "[json.exception.parse_error.101] parse error at line 1, column 5: …": cut the useless part in brackets.
    std::string_view what = error.what();
    if (const auto bracket = what.find("] "); bracket != std::string_view::npos) what.remove_prefix(bracket + 2);
    return refuse(std::string(what.substr(0, 300)));
  }

  Json take_document() { return std::move(document_); }
  const std::string& error() const { return error_; }

 private:
  using Members = Json::object_t::Container;  // a vector of (key, value)

  static constexpr size_t kIndexFrom = 32;  // members; below that, walking them is as fast

  struct Frame {
    Json* value = nullptr;                          // the open array or object
    Json* slot = nullptr;                           // receives the value of the last key
    std::unordered_map<std::string, size_t> index;  // of an object's keys, once the object is large
  };

  static std::optional<size_t> find_member(Frame& frame, const Members& members, const std::string& name) {
    if (members.size() < kIndexFrom) {
      for (size_t i = 0; i < members.size(); ++i) {
        if (members[i].first == name) return i;
      }
      return std::nullopt;
    }
    if (frame.index.empty()) {
      for (size_t i = 0; i < members.size(); ++i) frame.index.emplace(members[i].first, i);
    }
    const auto found = frame.index.find(name);
    if (found == frame.index.end()) return std::nullopt;
    return found->second;
  }

  void put_back(std::string& string) {
    const bool is_taken = !taken_.empty() && taken_.front().number == num_strings_;
    ++num_strings_;
    if (!is_taken) return;
    string = taken_.front().content;
    taken_ = taken_.subspan(1);
  }

  bool refuse(std::string message) {
    if (error_.empty()) error_ = std::move(message);
    return false;
  }

  Json* add(Json value) {
    if (++num_values_ > limits_.max_values) {
      refuse(fmt::format("more than {} values", limits_.max_values));
      return nullptr;
    }
    if (frames_.empty()) {
      document_ = std::move(value);
      return &document_;
    }
    Frame& frame = frames_.back();
    if (frame.value->is_array()) {
      auto& elements = frame.value->get_ref<Json::array_t&>();
      elements.push_back(std::move(value));
      return &elements.back();
    }
    *frame.slot = std::move(value);
    return frame.slot;
  }

  bool open(Json value) {
    if (static_cast<int64_t>(frames_.size()) >= limits_.max_depth) {
      return refuse(fmt::format("nested more than {} deep", limits_.max_depth));
    }
    Json* const added = add(std::move(value));
    if (added == nullptr) return false;
    frames_.push_back({.value = added, .slot = nullptr, .index = {}});
    return true;
  }

  bool close() {
    frames_.pop_back();
    return true;
  }

  const JsonLimits& limits_;
  std::span<const LongString> taken_;  // not put back yet
  int64_t num_strings_ = 0;
  Json document_;
  std::vector<Frame> frames_;
  int64_t num_values_ = 0;
  std::string error_;
};

}  // namespace

Result<Json> parse_json(std::string_view text, const JsonLimits& limits) {
  if (static_cast<int64_t>(text.size()) > limits.max_bytes) {
    return fail("JSON of {} bytes, at most {} are read", text.size(), limits.max_bytes);
  }
  // The parser below takes a NUL for the text's end, and would not look at what follows.
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos) {
    return fail("not valid JSON: byte {} is a NUL", nul);
  }
  if (const ShortenedText shortened = without_long_strings(text); !shortened.taken.empty()) {
    DocumentBuilder builder(limits, shortened.taken);
    if (Json::sax_parse(shortened.text.begin(), shortened.text.end(), &builder)) return builder.take_document();
    // An error's place is that of the whole text, so it is parsed for it.
  }
  DocumentBuilder builder(limits);
  if (!Json::sax_parse(text.begin(), text.end(), &builder)) return fail("not valid JSON: {}", builder.error());
  return builder.take_document();
}

std::string json_excerpt(const Json& value) {
  constexpr size_t kMaxBytes = 80;
  if (value.is_object() && value.size() > 4) return fmt::format("an object of {} members", value.size());
  if (value.is_array() && value.size() > 16) return fmt::format("an array of {} values", value.size());
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > kMaxBytes) text = text.substr(0, kMaxBytes) + "…";
  return text;
}

Result<JsonObject> JsonObject::of(const Json& value, std::string name) {
  if (!value.is_object()) return fail("{} is {}, must be a JSON object", name, json_excerpt(value));
  return JsonObject(value, std::move(name));
}

const Json* JsonObject::find(std::string_view key) const {
  for (const auto& [name, value] : json_->get_ref<const Json::object_t&>()) {
    if (name == key) return value.is_null() ? nullptr : &value;
  }
  return nullptr;
}

bool JsonObject::is_null(std::string_view key) const {
  for (const auto& [name, value] : json_->get_ref<const Json::object_t&>()) {
    if (name == key) return value.is_null();
  }
  return false;
}

Error JsonObject::wrong_value(std::string_view key, std::string_view must_be) const {
  const Json* const value = find(key);
  return fail("{}: \"{}\" is {}, must be {}", name_, key, value == nullptr ? "null" : json_excerpt(*value), must_be);
}

Error JsonObject::missing(std::string_view key) const {
  return fail("{}: \"{}\" is missing", name_, key);
}

Result<std::optional<int64_t>> JsonObject::find_int(std::string_view key, int64_t min, int64_t max) const {
  using Optional = std::optional<int64_t>;
  const Json* const value = find(key);
  if (value == nullptr) return Optional();
  if (!value->is_number_integer()) return wrong_value(key, "an integer");
  const bool is_too_large = value->is_number_unsigned() && value->get<uint64_t>() > static_cast<uint64_t>(INT64_MAX);
  const auto number = is_too_large ? INT64_MAX : value->get<int64_t>();
  if (is_too_large || number < min || number > max) {
    if (min == INT64_MIN && max == INT64_MAX) return wrong_value(key, "an integer of at most 64 bits");
    if (max == INT64_MAX) return wrong_value(key, fmt::format("at least {}", min));
    return wrong_value(key, fmt::format("between {} and {}", min, max));
  }
  return Optional(number);
}

Result<std::optional<double>> JsonObject::find_double(std::string_view key) const {
  using Optional = std::optional<double>;
  const Json* const value = find(key);
  if (value == nullptr) return Optional();
  if (!value->is_number() || !std::isfinite(value->get<double>())) return wrong_value(key, "a number");
  return Optional(value->get<double>());
}

Result<std::optional<bool>> JsonObject::find_bool(std::string_view key) const {
  using Optional = std::optional<bool>;
  const Json* const value = find(key);
  if (value == nullptr) return Optional();
  if (!value->is_boolean()) return wrong_value(key, "true or false");
  return Optional(value->get<bool>());
}

Result<std::optional<std::string>> JsonObject::find_string(std::string_view key) const {
  using Optional = std::optional<std::string>;
  const Json* const value = find(key);
  if (value == nullptr) return Optional();
  if (!value->is_string()) return wrong_value(key, "a string");
  return Optional(value->get<std::string>());
}

Result<std::optional<JsonObject>> JsonObject::find_object(std::string_view key) const {
  using Optional = std::optional<JsonObject>;
  const Json* const value = find(key);
  if (value == nullptr) return Optional();
  if (!value->is_object()) return wrong_value(key, "an object");
  return Optional(JsonObject(*value, fmt::format("{}: {}", name_, key)));
}

Result<std::optional<std::vector<int64_t>>> JsonObject::find_ints(std::string_view key) const {
  using Optional = std::optional<std::vector<int64_t>>;
  const Json* const value = find(key);
  if (value == nullptr) return Optional();
  if (!value->is_array()) return wrong_value(key, "an array of integers");
  std::vector<int64_t> numbers;
  for (const Json& element : *value) {
    const bool is_too_large =
        element.is_number_unsigned() && element.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX);
    if (!element.is_number_integer() || is_too_large) return wrong_value(key, "an array of integers of 64 bits");
    numbers.push_back(element.get<int64_t>());
  }
  return Optional(std::move(numbers));
}

Result<std::optional<std::vector<std::string>>> JsonObject::find_strings(std::string_view key) const {
  using Optional = std::optional<std::vector<std::string>>;
  const Json* const value = find(key);
  if (value == nullptr) return Optional();
  if (!value->is_array()) return wrong_value(key, "an array of strings");
  std::vector<std::string> strings;
  for (const Json& element : *value) {
    if (!element.is_string()) return wrong_value(key, "an array of strings");
    strings.push_back(element.get<std::string>());
  }
  return Optional(std::move(strings));
}

namespace {

template <typename T>
Result<T> require(Result<std::optional<T>> found, const Error& missing) {
  if (!found.ok()) return found.error();
  if (!found->has_value()) return missing;
  return T(*std::move(*found));
}

}  // namespace

Result<int64_t> JsonObject::get_int(std::string_view key, int64_t min, int64_t max) const {
  return require(find_int(key, min, max), missing(key));
}

Result<double> JsonObject::get_double(std::string_view key) const {
  return require(find_double(key), missing(key));
}

Result<bool> JsonObject::get_bool(std::string_view key) const {
  return require(find_bool(key), missing(key));
}

Result<std::string> JsonObject::get_string(std::string_view key) const {
  return require(find_string(key), missing(key));
}

Result<JsonObject> JsonObject::get_object(std::string_view key) const {
  return require(find_object(key), missing(key));
}

}  // namespace braid
