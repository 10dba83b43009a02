// "%s has %d" % values, as in Python.
#include <algorithm>
#include <cmath>

#include "braid/tokenizer/jinja/operators.h"
#include "braid/tokenizer/jinja/text.h"

namespace braid::jinja {

namespace {

struct Directive {
  bool left = false, plus = false, space = false, zero = false, alternate = false;
  int64_t width = 0;
  std::optional<int64_t> precision;
  char type = 's';
};

class PercentFormatter {
 public:
  PercentFormatter(Runtime& runtime, std::string_view format, const Value& arguments)
      : runtime_(runtime), format_(format), arguments_(arguments) {}

  Result<std::string> run() {
    while (at_ < format_.size()) {
      if (format_[at_] != '%') {
        out_ += format_[at_++];
        continue;
      }
      ++at_;
      TRY_STATUS(directive());
      TRY_STATUS(runtime_.check_size(static_cast<Int>(out_.size())));
    }
    // Python treats any indexable argument as a possible mapping, which need not be used up.
    const bool may_be_mapping = arguments_.is_dict() || arguments_.is_undefined() ||
                                arguments_.is_sequence(SequenceKind::kList) ||
                                arguments_.is_sequence(SequenceKind::kRange);
    const bool takes_all = arguments_.is_sequence(SequenceKind::kTuple) ? next_ == arguments_.as_sequence().items.size()
                                                                        : next_ > 0 || may_be_mapping;
    if (!takes_all && !used_mapping_) return fail("not all arguments converted during string formatting");
    return std::move(out_);
  }

 private:
  char peek() const { return at_ < format_.size() ? format_[at_] : '\0'; }

  Result<Value> next_argument() {
    if (arguments_.is_sequence(SequenceKind::kTuple)) {
      const auto& items = arguments_.as_sequence().items;
      if (next_ >= items.size()) return fail("not enough arguments for format string");
      return items[next_++];
    }
    if (next_++ > 0 || used_mapping_) return fail("not enough arguments for format string");
    return arguments_;
  }

  Result<int64_t> number() {
    if (peek() == '*') {
      ++at_;
      TRY(const Value value, next_argument());
      if (!value.is_integral()) return fail("* wants int");
      if (value.as_int() < -100'000 || value.as_int() > 100'000) return fail("a width of more than 100000");
      return static_cast<int64_t>(value.as_int());
    }
    int64_t value = 0;
    while (peek() >= '0' && peek() <= '9') {
      value = value * 10 + (format_[at_++] - '0');
      if (value > 100'000) return fail("a width of more than 100000");
    }
    return value;
  }

  Status directive() {
    if (peek() == '%') {
      out_ += '%';
      ++at_;
      return {};
    }
    Directive d;
    std::optional<Value> chosen;
    if (peek() == '(') {
      const size_t end = format_.find(')', at_);
      if (end == std::string_view::npos) return fail("incomplete format key");
      if (!arguments_.is_dict()) return fail("format requires a mapping");
      const auto key = format_.substr(at_ + 1, end - at_ - 1);
      const Value* found = arguments_.as_dict().find(key);
      if (found == nullptr) return fail("the format names '{}', which the mapping lacks", key);
      chosen = *found;
      used_mapping_ = true;
      at_ = end + 1;
    }
    for (bool is_flag = true; is_flag;) {
      switch (peek()) {
        case '-':
          d.left = true;
          break;
        case '+':
          d.plus = true;
          break;
        case ' ':
          d.space = true;
          break;
        case '0':
          d.zero = true;
          break;
        case '#':
          d.alternate = true;
          break;
        default:
          is_flag = false;
      }
      if (is_flag) ++at_;
    }
    TRY(d.width, number());
    if (d.width < 0) {
      d.left = true;
      d.width = -d.width;
    }
    if (peek() == '.') {
      ++at_;
      TRY(const int64_t precision, number());
      d.precision = std::max<int64_t>(precision, 0);
    }
    while (peek() == 'l' || peek() == 'h' || peek() == 'L') ++at_;
    if (at_ >= format_.size()) return fail("incomplete format");
    d.type = format_[at_++];
    if (!chosen) {
      TRY(chosen, next_argument());
    }
    return write(d, *chosen);
  }

  Status write(const Directive& d, const Value& value) {
    switch (d.type) {
      case 's':
      case 'r':
      case 'a': {
        TRY(std::string text, d.type == 's' ? to_text(runtime_, value) : to_repr(runtime_, value));
        if (d.type == 'a') text = ascii_only(text);
        if (d.precision) text.resize(offset_of_char(text, *d.precision));
        pad(d, "", text, false);
        return {};
      }
      case 'c':
        return character(d, value);
      case 'd':
      case 'i':
      case 'u':
      case 'x':
      case 'X':
      case 'o':
        return integer(d, value);
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        return floating(d, value);
      default:
        return fail("unsupported format character '{}'", d.type);
    }
  }

  Status character(const Directive& d, const Value& value) {
    std::string text;
    if (value.is_string() && value.as_string().num_chars == 1) {
      text = value.text();
    } else if (value.is_integral() && value.as_int() >= 0 && value.as_int() <= 0x10ffff &&
               (value.as_int() < 0xd800 || value.as_int() >= 0xe000)) {
      append_char(text, static_cast<char32_t>(value.as_int()));
    } else {
      return fail("%c requires int or char");
    }
    pad(d, "", text, false);
    return {};
  }

  Status integer(const Directive& d, const Value& value) {
    if (value.is_undefined()) return Error{value.undefined_message()};
    if (!value.is_number()) return fail("%{} format: a number is required, not {}", d.type, value.type_name());
    if (value.is_float() && (d.type == 'x' || d.type == 'X' || d.type == 'o'))
      return fail("%{} format: an integer is required", d.type);
    if (value.is_float() && !(std::abs(value.as_double()) < 1.7e38))
      return fail("cannot convert the float to an integer");
    Int number = value.is_float() ? static_cast<Int>(value.as_double()) : value.as_int();
    const bool is_negative = number < 0;
    std::string digits = int_text(number);
    if (d.type == 'x' || d.type == 'X' || d.type == 'o') {
      const int base = d.type == 'o' ? 8 : 16;
      digits.clear();
      for (Int left = number; left != 0 || digits.empty(); left /= base) {
        const int digit = static_cast<int>(left % base < 0 ? -(left % base) : left % base);
        digits.insert(digits.begin(), (d.type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef")[digit]);
      }
    } else if (is_negative) {
      digits.erase(0, 1);
    }
    if (d.precision && static_cast<int64_t>(digits.size()) < *d.precision) {
      digits.insert(0, static_cast<size_t>(*d.precision) - digits.size(), '0');
    }
    std::string prefix = sign(d, is_negative);
    if (d.alternate && d.type != 'd' && d.type != 'i' && d.type != 'u') prefix += std::string("0") + d.type;
    pad(d, prefix, digits, d.zero);
    return {};
  }

  Status floating(const Directive& d, const Value& value) {
    if (value.is_undefined()) return Error{value.undefined_message()};
    if (!value.is_number()) return fail("must be real number, not {}", value.type_name());
    const double number = value.as_double();
    const auto precision = static_cast<int>(std::min<int64_t>(d.precision.value_or(6), 2000));
    const bool is_negative = std::signbit(number) && !std::isnan(number);
    const std::string spec =
        std::string("{:") + (d.alternate ? "#" : "") + "." + std::to_string(precision) + d.type + "}";
    const std::string digits = fmt::format(fmt::runtime(spec), std::abs(number));
    pad(d, sign(d, is_negative), digits, d.zero && std::isfinite(number));
    return {};
  }

  static std::string sign(const Directive& d, bool is_negative) {
    return is_negative ? "-" : (d.plus ? "+" : (d.space ? " " : ""));
  }

  void pad(const Directive& d, const std::string& prefix, const std::string& text, bool with_zeros) {
    const auto size = static_cast<int64_t>(prefix.size()) + count_chars(text);
    const auto missing = static_cast<size_t>(std::max<int64_t>(d.width - size, 0));
    if (!d.left && !with_zeros) out_.append(missing, ' ');
    out_ += prefix;
    if (!d.left && with_zeros) out_.append(missing, '0');
    out_ += text;
    if (d.left) out_.append(missing, ' ');
  }

  Runtime& runtime_;
  std::string_view format_;
  const Value& arguments_;
  std::string out_;
  size_t at_ = 0;
  size_t next_ = 0;
  bool used_mapping_ = false;
};

}  // namespace

Result<Value> format_percent(Runtime& runtime, const Value& format, const Value& arguments) {
  TRY(std::string text, PercentFormatter(runtime, format.text(), arguments).run());
  return runtime.string(std::move(text), format.as_string().is_markup);
}

}  // namespace braid::jinja
