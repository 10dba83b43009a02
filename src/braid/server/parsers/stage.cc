// Runs a stage; the operations that read text.
#include "braid/server/parsers/stage.h"

#include <algorithm>
#include <utility>

namespace braid::parsers {

void Stage::run_to(Events& out, bool is_end, std::string_view text) {
  out_ = &out;
  if (!parser_) {
    parser_.emplace(whole());
    parser_->start(stream_);
  }
  is_end ? stream_.finish() : stream_.push(text);
  out_ = nullptr;
}

void Stage::push(std::string_view text, Events& out) {
  if (!text.empty()) run_to(out, false, text);
}

void Stage::finish(Events& out) {
  run_to(out, true, {});
}

Part<> Stage::whole() {
  co_await run();
  release();
  while (co_await peek() != kEnd) {
    const std::string_view rest = stream_.available();
    add_content(rest);
    stream_.take(rest.size());
  }
}

void Stage::hold() {
  held_ += stream_.available().front();
  stream_.take(1);
}

void Stage::release() {
  add_content(held_);
  held_.clear();
}

namespace {

// The held text may begin a marker: how many of its first bytes are certainly in none. `found`: the rest is a marker.
size_t certain_text(std::string_view held, std::span<const std::string_view> markers, size_t max_newlines,
                    std::optional<size_t>& found) {
  for (size_t begin = 0;;) {
    const std::string_view rest = held.substr(begin);
    const size_t newlines = std::min(rest.find_first_not_of('\n'), rest.size());
    if (newlines > max_newlines) {
      begin += newlines - max_newlines;
      continue;
    }
    const std::string_view tail = rest.substr(newlines);
    if (tail.empty()) return begin;
    bool may_be_one = false;
    for (size_t i = 0; i < markers.size(); ++i) {
      if (markers[i] == tail) found = i;
      may_be_one = may_be_one || markers[i].starts_with(tail);
    }
    if (may_be_one) return begin;
    begin += newlines + 1;
  }
}

}  // namespace

Part<std::optional<size_t>> Stage::until_marker(Search search, Sink& sink) {
  std::string starts = search.max_newlines > 0 ? "\n" : "";
  for (const std::string_view marker : search.markers) starts += marker.front();
  bool has_text = false;
  stream_.put_back(held_);
  held_.clear();
  while (co_await peek() != kEnd) {
    if (held_.empty()) {
      const std::string_view text = stream_.available();
      const size_t plain = std::min(text.find_first_of(starts), text.size());
      if (plain > 0) {
        sink.add(text.substr(0, plain));
        stream_.take(plain);
        has_text = true;
        continue;
      }
    }
    hold();
    std::optional<size_t> found;
    if (const size_t certain = certain_text(held_, search.markers, search.max_newlines, found); certain > 0) {
      sink.add(std::string_view(held_).substr(0, certain));
      held_.erase(0, certain);
      has_text = true;
    }
    if (found) co_return found;
  }
  const bool is_newlines = held_.find_first_not_of('\n') == std::string::npos;
  if (!search.drops_final_newlines || has_text || !is_newlines) sink.add(held_);
  held_.clear();
  co_return std::nullopt;
}

Part<std::optional<size_t>> Stage::expect_one_of(Markers literals) {
  const size_t begin = held_.size();
  for (;;) {
    const int next = co_await peek();
    if (next == kEnd) break;
    const std::string text = held_.substr(begin) + static_cast<char>(next);
    bool may_be_one = false;
    for (size_t i = 0; i < literals.size(); ++i) {
      if (literals[i] == text) {
        hold();
        co_return i;
      }
      may_be_one = may_be_one || literals[i].starts_with(text);
    }
    if (!may_be_one) break;
    hold();
  }
  stream_.put_back(std::string_view(held_).substr(begin));
  held_.resize(begin);
  co_return std::nullopt;
}

Part<bool> Stage::expect(std::string_view literal) {
  const std::optional<size_t> found = co_await expect_one_of({&literal, 1});
  co_return found.has_value();
}

Part<bool> Stage::hold_until(std::string_view literal, std::string& text, size_t max_bytes) {
  for (;;) {
    const bool has_ended = co_await expect(literal);
    if (has_ended) co_return true;
    const int next = co_await peek();
    if (next == kEnd || text.size() >= max_bytes) co_return false;
    text += static_cast<char>(next);
    hold();
  }
}

Part<> Stage::hold_whitespace() {
  for (;;) {
    const int next = co_await peek();
    if (!can_hold() || !(next == ' ' || next == '\n' || next == '\t' || next == '\r')) co_return;
    hold();
  }
}

}  // namespace braid::parsers
