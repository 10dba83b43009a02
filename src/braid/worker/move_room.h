// How many pages of sequences that move a step copies, so that it takes little longer than without them. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace braid {

struct MoveRoomConfig {
  int32_t max_pages = 0;    // of a step
  int32_t piece_pages = 0;  // MovePieces': at most max_pages
};

// A twentieth of the shortest of the last steps, at the time that a page took so far. Where that is less than a piece
// takes, steps without any save for it. While no group computes, nobody waits: then it is all that fits into a step.
class MoveRoom {
 public:
  static constexpr double kShareOfStep = 0.05;

  explicit MoveRoom(const MoveRoomConfig& config) : config_(config) {}

  // Of the next step, out and in together.
  int32_t pages() const;

  // After each step of the world. `longest_tokens`: of the group that computed the most.
  void see_step(int64_t longest_tokens);
  // Then, if this group took part. `move_s`: of `step_s`, for `num_pages`.
  void count_step(double step_s, double move_s, int64_t num_pages);

 private:
  double shortest_s() const;

  const MoveRoomConfig config_;
  std::array<double, 8> last_s_{};  // of steps, without their moves; in turn
  size_t num_steps_ = 0;
  double page_s_ = -1;  // below 0: not known
  double credit_s_ = 0;
  bool is_idle_ = true;
};

}  // namespace braid
