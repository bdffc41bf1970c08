// Simulated time, in one thread: events happen in the order of their times, and those of one time
// in the order in which they were planned. All chance comes from one seed, so that a seed is a
// whole history.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "weir/base/clock.h"

namespace weir::cluster::sim {

using Millis = std::chrono::milliseconds;

class Loop {
 public:
  using Event = std::function<void()>;

  explicit Loop(std::uint64_t seed) : random(seed) {}

  SteadyTime now() const { return now_; }
  EventTime wall() const;
  void after(Millis delay, Event event);
  /// Carries out the next event. False when there is none.
  bool step();

  std::uint64_t below(std::uint64_t bound) { return random.below(bound); }
  bool chance(double p) { return random.chance(p); }
  /// Uniform in [low, high].
  Millis between(std::int64_t low, std::int64_t high);

  /// What went wrong first; nothing may go on then.
  void problem(const std::string& what);
  const std::string& problem() const { return problem_; }
  /// With WEIR_SIM_TELL=1 the story is printed. All of it goes into `history`.
  void tell(const std::string& what);
  std::uint64_t history() const { return history_; }
  std::uint64_t steps() const { return steps_; }

  Random random;

 private:
  struct Planned {
    SteadyTime at;
    std::uint64_t number = 0;
    Event event;
  };
  struct Later {
    bool operator()(const Planned& a, const Planned& b) const {
      return a.at != b.at ? a.at > b.at : a.number > b.number;
    }
  };

  std::vector<Planned> heap_;
  SteadyTime now_{std::chrono::hours(1)};
  std::uint64_t planned_ = 0, steps_ = 0, history_ = 0;
  std::string problem_;
};

/// A process of the operating system that may crash or be stopped for a while (SIGSTOP).
class Node {
 public:
  explicit Node(Loop& loop) : loop_(loop) {}
  virtual ~Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  bool up() const { return up_; }
  bool paused() const { return paused_; }
  void start();
  /// All that it was about to do is lost.
  void crash();
  void pause(Millis how_long);
  /// What this life of the node does later, or, while it is stopped, as soon as it goes on.
  void later(Millis delay, Loop::Event event);

 protected:
  virtual void on_start() = 0;
  virtual void on_crash() = 0;
  virtual void on_pause(bool begins) = 0;
  Loop& loop_;

 private:
  void run(std::uint64_t life, Loop::Event event);
  bool up_ = false, paused_ = false;
  std::uint64_t life_ = 0;
  std::vector<Loop::Event> stalled_;
};

}  // namespace weir::cluster::sim
