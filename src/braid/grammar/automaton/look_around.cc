#include "braid/grammar/automaton/look_around.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "braid/grammar/automaton/character_nfa.h"
#include "braid/grammar/automaton/number_lists.h"
#include "braid/grammar/automaton/search.h"

namespace braid::grammar {
namespace {

using Kind = Expression::Kind;
using unicode::CodePointRange;
using unicode::CodePointSet;

constexpr size_t kMaxLooks = 64;
constexpr char32_t kFirstMarker = 0x200000;  // beyond all characters

bool has_kind(const Expression& expression, Kind kind) {
  return expression.kind == kind ||
         std::ranges::any_of(expression.parts, [&](const Expr& part) { return has_kind(*part, kind); });
}

bool has_look(const Expression& expression, bool looks_behind) {
  return (expression.kind == Kind::kLook && expression.looks_behind == looks_behind) ||
         std::ranges::any_of(expression.parts, [&](const Expr& part) { return has_look(*part, looks_behind); });
}

bool reads_every_character(const CharacterDfa& dfa) {
  std::vector<CodePointRange> read;
  for (const CodePointSet& set : dfa.classes) read.insert(read.end(), set.ranges().begin(), set.ranges().end());
  return scalar_values().intersected(CodePointSet(std::move(read)).inverted()).ranges().empty();
}

template <typename Replace>
Expr replaced(const Expr& expression, Kind kind, const Replace& replace) {
  if (expression->kind == kind) return replace(expression);
  if (expression->parts.empty()) return expression;
  auto copy = std::make_shared<Expression>(*expression);
  for (Expr& part : copy->parts) part = replaced(part, kind, replace);
  return copy;
}

// The text is read by the automaton of the pattern, in which each look-around is a marker instead of a character. It is
// followed to all places that markers lead to. What lies behind is known where a marker is passed. What lies ahead is a
// duty of the place: an automaton that must accept the rest of the text.
class LookAround {
 public:
  explicit LookAround(WorkBudget& work) : work_(work) {}

  Result<Dfa> to_dfa(const Expr& expression) {
    std::vector<Expr> looks;
    const Expr marked = replaced(expression, Kind::kLook, [&](const Expr& look) {
      looks.push_back(look);
      return characters(CodePointSet::of(kFirstMarker + static_cast<char32_t>(looks.size() - 1)));
    });
    if (looks.size() > kMaxLooks) return fail("more than {} look-arounds", kMaxLooks);
    TRY(Dfa pattern, dfa_of(*marked, work_));
    if (pattern->is_empty()) return pattern;
    automata_ = {pattern};
    for (size_t i = 0; i < looks.size(); ++i) TRY_STATUS(add_look(*looks[i], i));
    for (const Dfa& dfa : automata_) reads_all_.push_back(reads_every_character(*dfa));
    find_symbols();
    return determinize();
  }

 private:
  struct Look {
    bool is_behind = false;
    bool is_negated = false;
    int32_t marker = CharacterDfa::kDead;  // its class in the pattern's automaton
    size_t at_start = 0;                   // its automaton if it stands at the text's start
    size_t elsewhere = 0;
  };
  struct Symbol {
    CodePointSet set;
    std::vector<int32_t> in;  // its class in each automaton, or kDead
  };
  using Duty = std::pair<size_t, int32_t>;  // an automaton, and its state
  struct Place {
    int32_t state = 0;  // of the pattern's automaton
    std::vector<Duty> duties;

    auto operator<=>(const Place&) const = default;
  };
  struct Config {
    std::vector<Place> places;     // sorted
    std::vector<int32_t> behinds;  // states of the automata of what lies behind
  };

  Status add_look(const Expression& expression, size_t number) {
    Look look{.is_behind = expression.looks_behind, .is_negated = expression.is_negated};
    const CharacterDfa& pattern = *automata_.front();
    for (size_t symbol = 0; symbol < pattern.classes.size(); ++symbol) {
      const bool is_marker = pattern.classes[symbol].contains(kFirstMarker + static_cast<char32_t>(number));
      if (is_marker) look.marker = static_cast<int32_t>(symbol);
    }
    const Expr anything = repeat(characters(scalar_values()), 0);
    const auto add = [&](const Expr& text) -> Result<size_t> {
      TRY(Dfa dfa, dfa_with_look_around(text, work_));
      if (look.is_negated && !look.is_behind) {
        TRY(dfa, complement(*dfa, work_));
      }
      automata_.push_back(std::move(dfa));
      return automata_.size() - 1;
    };
    const Expr& part = expression.parts[0];
    // The automaton of what lies ahead knows nothing of what lies behind, and the other way round.
    if (has_look(*part, !look.is_behind))
      return fail("a look-behind (or \\b) in a look-ahead, or the reverse, is not supported");
    if (look.is_behind) {
      if (has_kind(*part, Kind::kEnd)) return fail("\"$\" in a look-behind is not supported");
      TRY(look.at_start, add(preceded_by(anything, part)));
      look.elsewhere = look.at_start;
    } else {
      TRY(look.at_start, add(followed_by(anything, part)));
      look.elsewhere = look.at_start;
      if (has_kind(*part, Kind::kStart)) {
        const Expr later = replaced(part, Kind::kStart, [](const Expr&) { return no_text(); });
        TRY(look.elsewhere, add(followed_by(anything, later)));
      }
    }
    looks_.push_back(look);
    return {};
  }

  // Splits the characters so that no automaton tells those of one symbol apart.
  void find_symbols() {
    struct Border {
      char32_t at;
      size_t automaton;
      int32_t symbol;  // that begins; kDead if one ends
    };
    std::vector<Border> borders;
    for (size_t automaton = 0; automaton < automata_.size(); ++automaton) {
      const auto& classes = automata_[automaton]->classes;
      for (size_t symbol = 0; symbol < classes.size(); ++symbol) {
        for (const CodePointRange& range : classes[symbol].ranges()) {
          if (range.first >= kFirstMarker) continue;
          borders.push_back({range.first, automaton, static_cast<int32_t>(symbol)});
          borders.push_back({range.last + 1, automaton, CharacterDfa::kDead});
        }
      }
    }
    std::ranges::stable_sort(borders, [](const Border& a, const Border& b) {
      return a.at != b.at ? a.at < b.at : a.symbol < b.symbol;  // ends come first
    });
    std::map<std::vector<int32_t>, std::vector<CodePointRange>> found;
    std::vector<int32_t> in(automata_.size(), CharacterDfa::kDead);
    for (size_t i = 0; i < borders.size(); ++i) {
      in[borders[i].automaton] = borders[i].symbol;
      const bool is_last = i + 1 == borders.size();
      if (is_last || borders[i + 1].at == borders[i].at || in[0] == CharacterDfa::kDead) continue;
      found[in].push_back({borders[i].at, borders[i + 1].at - 1});
    }
    for (auto& [classes, ranges] : found) symbols_.push_back({CodePointSet(std::move(ranges)), classes});
  }

  Result<Dfa> determinize() {
    CharacterDfa out{.classes = {}, .next = {}, .accepts = {}, .start = 0};
    for (const Symbol& symbol : symbols_) out.classes.push_back(symbol.set);
    Config first{.places = {{automata_[0]->start, {}}}, .behinds = {}};
    for (const Look& look : looks_) first.behinds.push_back(look.is_behind ? automata_[look.at_start]->start : 0);
    NumberLists numbers;
    std::vector<Config> open;
    std::vector<uint32_t> key;
    const auto number_of = [&](Config config, bool at_start) {
      pass_markers(config, at_start);
      write(config, key);
      const uint32_t number = numbers.find_or_add(key);
      if (number == open.size()) open.push_back(std::move(config));
      return static_cast<int32_t>(number);
    };
    number_of(std::move(first), true);
    for (size_t i = 0; i < open.size(); ++i) {
      const Config from = open[i];
      out.accepts.push_back(std::ranges::any_of(from.places, [&](const Place& place) { return ends_at(place); }) ? 1
                                                                                                                 : 0);
      TRY_STATUS(work_.spend(1 + symbols_.size() * (1 + from.places.size() * (1 + looks_.size()))));
      for (const Symbol& symbol : symbols_) {
        Config to = after(from, symbol);
        out.next.push_back(to.places.empty() ? CharacterDfa::kDead : number_of(std::move(to), false));
      }
      if (open.size() > static_cast<size_t>(kMaxDfaStates) || out.next.size() > kMaxDfaCells) {
        return fail("the pattern's look-arounds need more than {} states", kMaxDfaStates);
      }
    }
    return std::make_shared<const CharacterDfa>(minimized(out));
  }

  // As a list of numbers, which no other configuration has.
  static void write(const Config& config, std::vector<uint32_t>& key) {
    key.clear();
    for (const int32_t state : config.behinds) key.push_back(static_cast<uint32_t>(state));
    for (const Place& place : config.places) {
      key.insert(key.end(), {static_cast<uint32_t>(place.state), static_cast<uint32_t>(place.duties.size())});
      for (const auto& [automaton, state] : place.duties) {
        key.insert(key.end(), {static_cast<uint32_t>(automaton), static_cast<uint32_t>(state)});
      }
    }
  }

  bool accepts(size_t automaton, int32_t state) const {
    return state != CharacterDfa::kDead && automata_[automaton]->accepts[static_cast<size_t>(state)] != 0;
  }

  bool ends_at(const Place& place) const {
    return accepts(0, place.state) &&
           std::ranges::all_of(place.duties, [&](const Duty& duty) { return accepts(duty.first, duty.second); });
  }

  // True if every rest of a text fulfils the duty: every character keeps the automaton in a state that accepts.
  bool is_fulfilled(size_t automaton, int32_t state) const {
    if (!accepts(automaton, state) || !reads_all_[automaton]) return false;
    const size_t num_classes = automata_[automaton]->classes.size();
    for (size_t symbol = 0; symbol < num_classes; ++symbol) {
      if (automata_[automaton]->target(state, symbol) != state) return false;
    }
    return true;
  }

  // Adds the places behind the markers that may be passed.
  void pass_markers(Config& config, bool at_start) const {
    const auto leads_on = [&](const Place& place) {
      return std::ranges::any_of(looks_, [&](const Look& look) {
        return look.marker != CharacterDfa::kDead &&
               automata_[0]->target(place.state, static_cast<size_t>(look.marker)) != CharacterDfa::kDead;
      });
    };
    if (std::ranges::none_of(config.places, leads_on)) return tidy(config.places);
    std::set<Place> seen(config.places.begin(), config.places.end());
    std::vector<Place> open = config.places;
    while (!open.empty()) {
      const Place from = std::move(open.back());
      open.pop_back();
      for (size_t i = 0; i < looks_.size(); ++i) {
        const Look& look = looks_[i];
        if (look.marker == CharacterDfa::kDead) continue;
        Place to{automata_[0]->target(from.state, static_cast<size_t>(look.marker)), from.duties};
        if (to.state == CharacterDfa::kDead) continue;
        if (look.is_behind) {
          if (accepts(look.at_start, config.behinds[i]) == look.is_negated) continue;
        } else {
          const size_t automaton = at_start ? look.at_start : look.elsewhere;
          const int32_t start = automata_[automaton]->start;
          if (start == CharacterDfa::kDead) continue;
          if (!is_fulfilled(automaton, start)) to.duties.emplace_back(automaton, start);
          tidy(to.duties);
        }
        if (seen.insert(to).second) open.push_back(std::move(to));
      }
    }
    config.places.assign(seen.begin(), seen.end());
  }

  template <typename T>
  static void tidy(std::vector<T>& list) {
    std::ranges::sort(list);
    list.erase(std::unique(list.begin(), list.end()), list.end());
  }

  int32_t target(size_t automaton, int32_t state, const Symbol& symbol) const {
    const int32_t in = symbol.in[automaton];
    if (state == CharacterDfa::kDead || in == CharacterDfa::kDead) return CharacterDfa::kDead;
    return automata_[automaton]->target(state, static_cast<size_t>(in));
  }

  Config after(const Config& from, const Symbol& symbol) const {
    Config to;
    for (const Place& place : from.places) {
      Place next{target(0, place.state, symbol), {}};
      bool is_possible = next.state != CharacterDfa::kDead;
      for (const auto& [automaton, state] : place.duties) {
        const int32_t here = target(automaton, state, symbol);
        is_possible = is_possible && here != CharacterDfa::kDead;
        if (is_possible && !is_fulfilled(automaton, here)) next.duties.emplace_back(automaton, here);
      }
      tidy(next.duties);
      if (is_possible) to.places.push_back(std::move(next));
    }
    for (size_t i = 0; i < looks_.size(); ++i) {
      to.behinds.push_back(looks_[i].is_behind ? target(looks_[i].at_start, from.behinds[i], symbol) : 0);
    }
    return to;
  }

  WorkBudget& work_;
  std::vector<Dfa> automata_;    // the pattern's first
  std::vector<bool> reads_all_;  // of each, whether every character is in one of its classes
  std::vector<Look> looks_;
  std::vector<Symbol> symbols_;
};

}  // namespace

bool has_look_around(const Expression& expression) {
  return has_kind(expression, Kind::kLook);
}

Result<Dfa> dfa_with_look_around(const Expr& expression, WorkBudget& work) {
  if (!has_look_around(*expression)) return dfa_of(*expression, work);
  return LookAround(work).to_dfa(expression);
}

}  // namespace braid::grammar
