#include "braid/tokenizer/parts/normalizers.h"

#include <utility>

#include "braid/tokenizer/parts/growth.h"

namespace braid {
namespace {

class Prepend final : public Normalizer {
 public:
  explicit Prepend(std::string prefix) : prefix_(std::move(prefix)) {}
  double growth() const override { return 1 + static_cast<double>(prefix_.size()); }
  bool normalize(std::string_view text, RegexScratch&, std::string& out) const override {
    if (text.empty()) return false;
    out = prefix_;
    out += text;
    return true;
  }

 private:
  std::string prefix_;
};

class ReplaceNormalizer final : public Normalizer {
 public:
  ReplaceNormalizer(std::string from, std::string to) : from_(std::move(from)), to_(std::move(to)) {}
  double growth() const override { return growth_of_replacing(from_, to_); }
  bool normalize(std::string_view text, RegexScratch&, std::string& out) const override {
    size_t found = text.find(from_);
    if (found == std::string_view::npos) return false;
    out.clear();
    for (; found != std::string_view::npos; found = text.find(from_)) {
      out += text.substr(0, found);
      out += to_;
      text.remove_prefix(found + from_.size());
    }
    out += text;
    return true;
  }

 private:
  std::string from_;
  std::string to_;
};

class RegexReplace final : public Normalizer {
 public:
  RegexReplace(Regex from, std::string to) : from_(std::move(from)), to_(std::move(to)) {}
  double growth() const override { return growth_of_replacing_matches(to_); }
  bool normalize(std::string_view text, RegexScratch& scratch, std::string& out) const override {
    size_t done = 0;
    bool has_changed = false;
    from_.for_each_match(text, scratch, [&](size_t begin, size_t end) {
      if (!has_changed) out.clear();
      has_changed = true;
      out += text.substr(done, begin - done);
      out += to_;
      done = end;
    });
    if (has_changed) out += text.substr(done);
    return has_changed;
  }

 private:
  Regex from_;
  std::string to_;
};

class SequenceNormalizer final : public Normalizer {
 public:
  explicit SequenceNormalizer(std::vector<std::unique_ptr<Normalizer>> parts) : parts_(std::move(parts)) {}
  double growth() const override { return growth_of_all(parts_); }
  bool normalize(std::string_view text, RegexScratch& scratch, std::string& out) const override {
    bool has_changed = false;
    std::string changed;
    for (const auto& part : parts_) {
      if (!part->normalize(has_changed ? std::string_view(out) : text, scratch, changed)) continue;
      std::swap(out, changed);
      has_changed = true;
    }
    return has_changed;
  }

 private:
  std::vector<std::unique_ptr<Normalizer>> parts_;
};

}  // namespace

std::unique_ptr<Normalizer> make_prepend(std::string prefix) {
  return std::make_unique<Prepend>(std::move(prefix));
}

std::unique_ptr<Normalizer> make_replace(std::string from, std::string to) {
  return std::make_unique<ReplaceNormalizer>(std::move(from), std::move(to));
}

std::unique_ptr<Normalizer> make_regex_replace(Regex from, std::string to) {
  return std::make_unique<RegexReplace>(std::move(from), std::move(to));
}

std::unique_ptr<Normalizer> make_normalizer_sequence(std::vector<std::unique_ptr<Normalizer>> parts) {
  return std::make_unique<SequenceNormalizer>(std::move(parts));
}

}  // namespace braid
