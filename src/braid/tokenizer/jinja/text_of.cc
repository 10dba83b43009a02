// str() and repr() of every value.
#include <algorithm>

#include "braid/tokenizer/jinja/operators.h"
#include "braid/tokenizer/jinja/text.h"

namespace braid::jinja {

std::string int_text(Int value) {
  if (value == 0) return "0";
  std::string digits;
  for (Int left = value; left != 0; left /= 10)
    digits += static_cast<char>('0' + static_cast<int>(left < 0 ? -(left % 10) : left % 10));
  if (value < 0) digits += '-';
  std::ranges::reverse(digits);
  return digits;
}

namespace {

class ReprWriter {
 public:
  explicit ReprWriter(Runtime& runtime) : runtime_(runtime) {}

  Status write(const Value& value) {
    TRY_STATUS(runtime_.charge(1));
    if (value.is_undefined()) {
      out += "Undefined";
    } else if (value.is_none()) {
      out += "None";
    } else if (value.is_bool()) {
      out += value.as_bool() ? "True" : "False";
    } else if (value.is_int()) {
      out += int_text(value.as_int());
    } else if (value.is_float()) {
      out += python_repr(value.as_double());
    } else if (value.is_string()) {
      TRY_STATUS(runtime_.charge_bytes(value.text().size()));
      const std::string repr = python_repr(value.text());
      out += value.as_string().is_markup ? "Markup(" + repr + ")" : repr;
    } else if (value.is_dict()) {
      TRY_STATUS(dict(value.as_dict()));
    } else if (value.is_object()) {
      out += value.as_object()->repr();
    } else {
      TRY_STATUS(sequence(value.as_sequence()));
    }
    return runtime_.check_size(static_cast<Int>(out.size()));
  }

  std::string out;

 private:
  Status dict(const Dict& dict) {
    out += '{';
    bool is_first = true;
    for (const auto& [key, value] : dict.entries) {
      if (!is_first) out += ", ";
      is_first = false;
      TRY_STATUS(write(key));
      out += ": ";
      TRY_STATUS(write(value));
    }
    out += '}';
    return {};
  }

  Status items(const Sequence& sequence, std::string_view open, std::string_view close) {
    out += open;
    for (size_t i = 0; i < sequence.items.size(); ++i) {
      if (i > 0) out += ", ";
      TRY_STATUS(write(sequence.items[i]));
    }
    out += close;
    return {};
  }

  Status sequence(const Sequence& sequence) {
    switch (sequence.kind) {
      case SequenceKind::kList:
        return items(sequence, "[", "]");
      case SequenceKind::kTuple:
        return items(sequence, "(", sequence.items.size() == 1 ? ",)" : ")");
      case SequenceKind::kDictKeys:
        return items(sequence, "dict_keys([", "])");
      case SequenceKind::kDictValues:
        return items(sequence, "dict_values([", "])");
      case SequenceKind::kDictItems:
        return items(sequence, "dict_items([", "])");
      case SequenceKind::kRange:
        out += "range(" + int_text(sequence.range_start) + ", " + int_text(sequence.range_stop);
        if (sequence.range_step != 1) out += ", " + int_text(sequence.range_step);
        out += ")";
        return {};
      case SequenceKind::kGenerator:
        break;
    }
    out += "<generator object>";
    return {};
  }

  Runtime& runtime_;
};

}  // namespace

Result<std::string> to_repr(Runtime& runtime, const Value& value) {
  ReprWriter writer(runtime);
  TRY_STATUS(writer.write(value));
  return std::move(writer.out);
}

Result<std::string> to_text(Runtime& runtime, const Value& value) {
  if (value.is_undefined()) return std::string();
  if (!value.is_string()) return to_repr(runtime, value);
  TRY_STATUS(runtime.charge_bytes(value.text().size()));
  return value.text();
}

}  // namespace braid::jinja
