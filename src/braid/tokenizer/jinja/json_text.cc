// json.dumps, which transformers uses instead of Jinja's own tojson.
#include <algorithm>
#include <cmath>

#include "braid/tokenizer/jinja/operators.h"
#include "braid/tokenizer/jinja/text.h"

namespace braid::jinja {

namespace {

void append_escape(std::string& out, char32_t unit) {
  char buffer[8];
  out.append(buffer, static_cast<size_t>(
                         std::snprintf(buffer, sizeof buffer, "\\u%04x", static_cast<unsigned>(unit) & 0xffffU)));
}

void append_json_string(std::string& out, std::string_view text, bool ensure_ascii) {
  out += '"';
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_char(text, at);
    switch (c) {
      case '"':
        out += "\\\"";
        continue;
      case '\\':
        out += "\\\\";
        continue;
      case '\n':
        out += "\\n";
        continue;
      case '\r':
        out += "\\r";
        continue;
      case '\t':
        out += "\\t";
        continue;
      case '\f':
        out += "\\f";
        continue;
      case '\b':
        out += "\\b";
        continue;
      default:
        break;
    }
    if (c < 0x20 || (ensure_ascii && c > 0x7e && c < 0x10000)) {
      append_escape(out, c);
    } else if (ensure_ascii && c >= 0x10000) {
      append_escape(out, 0xd800 + ((c - 0x10000) >> 10));
      append_escape(out, 0xdc00 + ((c - 0x10000) & 0x3ff));
    } else {
      append_char(out, c);
    }
  }
  out += '"';
}

std::string float_json(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  return python_repr(value);
}

class JsonWriter {
 public:
  JsonWriter(Runtime& runtime, const JsonStyle& style) : runtime_(runtime), style_(style) {}

  Status write(const Value& value) {
    TRY_STATUS(runtime_.charge(1));
    if (value.is_none()) {
      out += "null";
    } else if (value.is_bool()) {
      out += value.as_bool() ? "true" : "false";
    } else if (value.is_int()) {
      out += int_text(value.as_int());
    } else if (value.is_float()) {
      out += float_json(value.as_double());
    } else if (value.is_string()) {
      TRY_STATUS(runtime_.charge_bytes(value.text().size()));
      append_json_string(out, value.text(), style_.ensure_ascii);
    } else if (value.is_dict()) {
      TRY_STATUS(dict(value.as_dict()));
    } else if (value.is_sequence(SequenceKind::kList) || value.is_sequence(SequenceKind::kTuple)) {
      TRY_STATUS(list(value.as_sequence()));
    } else if (value.is_undefined()) {
      return fail("tojson of an undefined value: {}", value.undefined_message());
    } else {
      return fail("object of type {} is not JSON serializable", value.type_name());
    }
    return runtime_.check_size(static_cast<Int>(out.size()));
  }

  std::string out;

 private:
  void new_line() {
    if (!style_.indent) return;
    out += '\n';
    for (int i = 0; i < depth_; ++i) out += *style_.indent;
  }

  Status list(const Sequence& sequence) {
    if (sequence.items.empty()) {
      out += "[]";
      return {};
    }
    out += '[';
    ++depth_;
    for (size_t i = 0; i < sequence.items.size(); ++i) {
      if (i > 0) out += style_.item_separator;
      new_line();
      TRY_STATUS(write(sequence.items[i]));
    }
    --depth_;
    new_line();
    out += ']';
    return {};
  }

  Result<std::string> key_text(const Value& key) {
    if (key.is_string()) return key.text();
    if (key.is_none()) return std::string("null");
    if (key.is_bool()) return std::string(key.as_bool() ? "true" : "false");
    if (key.is_int()) return int_text(key.as_int());
    if (key.is_float()) return float_json(key.as_double());
    return fail("JSON keys must be strings, numbers, booleans or none, not {}", key.type_name());
  }

  Status dict(const Dict& dict) {
    if (dict.entries.empty()) {
      out += "{}";
      return {};
    }
    std::vector<const std::pair<Value, Value>*> entries;
    for (const auto& entry : dict.entries) entries.push_back(&entry);
    if (style_.sort_keys) {
      Status sorted;
      std::ranges::stable_sort(entries, [&](const auto* a, const auto* b) {
        if (!sorted.ok()) return false;
        auto is_less = less(runtime_, a->first, b->first);
        if (is_less.ok()) return *is_less;
        sorted = is_less.error();
        return false;
      });
      TRY_STATUS(sorted);
    }
    out += '{';
    ++depth_;
    bool is_first = true;
    for (const auto* entry : entries) {
      if (!is_first) out += style_.item_separator;
      is_first = false;
      new_line();
      TRY(const std::string key, key_text(entry->first));
      append_json_string(out, key, style_.ensure_ascii);
      out += style_.key_separator;
      TRY_STATUS(write(entry->second));
    }
    --depth_;
    new_line();
    out += '}';
    return {};
  }

  Runtime& runtime_;
  const JsonStyle& style_;
  int depth_ = 0;
};

}  // namespace

Result<std::string> to_json(Runtime& runtime, const Value& value, const JsonStyle& style) {
  JsonWriter writer(runtime, style);
  TRY_STATUS(writer.write(value));
  return std::move(writer.out);
}

}  // namespace braid::jinja
