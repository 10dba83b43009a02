#include "braid/cli/flag_values.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <utility>

#include "braid/base/log_levels.h"
#include "braid/cli/lines.h"

namespace braid {
namespace {

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// NaN is never allowed: it compares with nothing.
FlagCheck number_that(std::function<bool(double)> is_allowed, std::string must_be) {
  const auto check = [is_allowed = std::move(is_allowed), must_be = std::move(must_be)](const std::string& text) {
    const auto number = parse_number<double>(text);
    return number && is_allowed(*number) ? std::string() : fmt::format("{}: must be a number {}", text, must_be);
  };
  return check;
}

// "GB" is 10⁹, "GiB" 2³⁰, in any case; NaN: not a unit.
double unit_bytes(std::string_view unit) {
  std::string upper(unit);
  std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (upper.empty() || upper == "B") return 1;
  const size_t power = std::string_view("KMGT").find(upper.front());
  const std::string_view rest = std::string_view(upper).substr(1);
  if (power != std::string_view::npos && (rest.empty() || rest == "B")) return std::pow(1000.0, power + 1);
  if (power != std::string_view::npos && (rest == "I" || rest == "IB")) return std::pow(1024.0, power + 1);
  return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

FlagCheck whole_number(uint64_t smallest, uint64_t largest, uint64_t step) {
  const auto check = [=](const std::string& text) -> std::string {
    const auto number = parse_number<uint64_t>(text);
    if (number && *number >= smallest && *number <= largest && *number % step == 0) return {};
    const std::string kind = step == 1 ? "whole number" : fmt::format("multiple of {}", step);
    return fmt::format("{}: must be a {} from {} to {}", text, kind, smallest, largest);
  };
  return check;
}

FlagCheck number_from(double smallest, double largest) {
  return number_that([=](double number) { return number >= smallest && number <= largest; },
                     fmt::format("from {} to {}", smallest, largest));
}

FlagCheck number_above(double bound, double largest) {
  return number_that([=](double number) { return number > bound && number <= largest; },
                     fmt::format("above {} and at most {}", bound, largest));
}

FlagCheck number_between(double lower, double upper) {
  return number_that([=](double number) { return number > lower && number < upper; },
                     fmt::format("above {} and below {}", lower, upper));
}

FlagCheck not_empty(std::string must_be) {
  const auto check = [must_be = std::move(must_be)](const std::string& text) {
    return text.empty() ? fmt::format("\"\": must be {}", must_be) : std::string();
  };
  return check;
}

FlagCheck one_of(std::vector<std::string> words) {
  const auto check = [words = std::move(words)](const std::string& text) -> std::string {
    if (std::ranges::find(words, text) != words.end()) return {};
    return fmt::format("{}: must be one of {}", text, fmt::join(words, ", "));
  };
  return check;
}

FlagCheck log_levels_text() {
  return [](const std::string& text) {
    const auto levels = parse_log_levels(text);
    return levels.ok() ? std::string() : fmt::format("{}: {}", text, levels.error().message);
  };
}

FlagConversion byte_size(int64_t smallest, int64_t largest) {
  const auto convert = [=](std::string& text) -> std::string {
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const double bytes = number * unit_bytes(trim({end, static_cast<size_t>(text.data() + text.size() - end)}));
    if (error != std::errc() || !(bytes >= 0 && bytes < 0x1p63)) {
      return fmt::format("{}: must be a number of bytes, like 2000000000, 2GB or 1.5GiB", text);
    }
    const auto whole = static_cast<int64_t>(bytes);
    if (whole < smallest || whole > largest) {
      return fmt::format("{}: must be from {} to {} bytes", text, smallest, largest);
    }
    text = std::to_string(whole);
    return {};
  };
  return convert;
}

Result<std::string> read_flag_file(std::string_view flag, const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return fail("{} {}: is a directory", flag, path);
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail("{} {}: cannot be read: {}", flag, path, std::strerror(errno));
  constexpr size_t kMaxBytes = size_t{64} << 20;  // a pipe or a device may have no end
  std::string text;
  std::array<char, 65536> part;
  while (text.size() <= kMaxBytes && (in.read(part.data(), part.size()) || in.gcount() > 0)) {
    text.append(part.data(), static_cast<size_t>(in.gcount()));
  }
  if (in.bad()) return fail("{} {}: cannot be read to its end", flag, path);
  if (text.size() > kMaxBytes) return fail("{} {}: has more than {} bytes", flag, path, kMaxBytes);
  return text;
}

Result<std::optional<ActivationBits>> parse_activation_bits(std::string_view text) {
  if (text == "auto") return std::optional<ActivationBits>();
  for (const ActivationBits bits : {ActivationBits::k8, ActivationBits::k16, ActivationBits::kExact}) {
    if (text == activation_bits_name(bits)) return std::optional(bits);
  }
  return fail("--activation-bits {}: must be auto, 8, 16 or exact", text);
}

Result<std::vector<TokenId>> parse_token_ids(std::string_view flag, std::string_view text) {
  std::vector<TokenId> ids;
  for (std::string_view left = text;;) {
    const std::string_view one = trim(left.substr(0, left.find(',')));
    const auto id = parse_number<TokenId>(one);
    if (!id) {
      return fail("{} {}: \"{}\" is not a token id; give whole numbers with commas between, like 1,2,3", flag,
                  text.substr(0, 80), one.substr(0, 40));
    }
    ids.push_back(*id);
    if (left.find(',') == std::string_view::npos) return ids;
    left.remove_prefix(left.find(',') + 1);
  }
}

}  // namespace braid
