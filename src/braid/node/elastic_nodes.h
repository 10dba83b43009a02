// On which nodes a world starts while others are gone (--elastic), and when it takes them back. Pure: the caller says
// what time it is, in seconds of any clock. Tested by elastic_nodes_test.cc.
//
// A node that is gone is waited for first, since a world that goes on without it pauses again when it is back. Nodes
// that come and go, or with which the world does not start, are taken back later and later.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace braid {

class ElasticNodes {
 public:
  // For which a node must be back before a world that runs is ended for its sake.
  static constexpr double kReturn_s = 2;
  // A node that is lost within this time after it was taken back is taken back later the next time.
  static constexpr double kCalm_s = 60;
  static constexpr double kFirstDelay_s = 5;
  static constexpr double kMaxDelay_s = 300;
  // After a start that failed on nodes that are all there.
  static constexpr double kFirstRetry_s = 1;
  static constexpr double kMaxRetry_s = 60;

  // `has_ranks`: by node, in the whole layout. Node 0 is the front's own, and always there. `after_s`: for which a node
  // that is gone is waited for.
  ElasticNodes(std::vector<bool> has_ranks, double after_s);

  void come(int32_t node, double now_s);
  // `is_told`: it has said that it leaves, so nobody waits for it.
  void go(int32_t node, bool is_told, double now_s);

  struct Plan {
    std::vector<bool> nodes;       // on which the world starts now, by node; empty: it waits
    std::vector<int32_t> awaited;  // the nodes for which it waits
    double until_s = 0;            // then it goes on without them; infinite: it does not
  };
  // Before the world has run for the first time it needs all nodes. `quiet`: by node; it says nothing, and may be gone.
  Plan plan(double now_s, const std::vector<bool>& quiet) const;

  // The world starts there.
  void start(const std::vector<bool>& nodes);
  // It runs.
  void run(double now_s);
  // It did not start. Returns whether it is tried again as a matter of course: because nodes are gone, or have just
  // come. Otherwise the fault is not one of nodes.
  bool fail_start(double now_s, const std::vector<bool>& quiet);

  // The nodes for whose sake a world that runs should be ended, and start again with them.
  std::vector<int32_t> due_back(double now_s) const;
  // When the node is due, if it stays.
  double due_back_s(int32_t node) const;

  // Of the last start: the nodes that had ranks in the whole layout, and none in this. Ascending.
  std::vector<int32_t> left_out() const;
  bool is_smaller() const { return !left_out().empty(); }

 private:
  static constexpr double kNever = -std::numeric_limits<double>::infinity();

  struct Node {
    bool has_ranks = false;
    bool is_there = false;
    bool is_told = false;    // to have left
    bool is_in = true;       // the last start
    double came_s = kNever;  // when it came, or
    double went_s = kNever;  // went
    double due_s = kNever;   // before which no world starts with it
    double delay_s = 0;      // the next one
    double back_s = kNever;  // when a world ran with it again
    double ran_s = kNever;   // when a world last began to run with it
  };

  void put_off(Node& node, double now_s) const;
  // It has come, and no world has run with it since.
  bool is_new(const Node& node) const { return node.is_in && node.is_there && has_run_ && node.came_s > node.ran_s; }

  const double after_s_;
  std::vector<Node> nodes_;
  bool has_run_ = false;
  double retry_s_ = kFirstRetry_s;
  double retry_at_s_ = kNever;
};

}  // namespace braid
