#include "tests/cluster/sim_loop.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "weir/base/hash.h"

namespace weir::cluster::sim {

EventTime Loop::wall() const {
  return from_millis(1'700'000'000'000) +
         std::chrono::duration_cast<Millis>(now_.time_since_epoch());
}

void Loop::after(Millis delay, Event event) {
  heap_.push_back({now_ + delay, planned_++, std::move(event)});
  std::push_heap(heap_.begin(), heap_.end(), Later{});
}

bool Loop::step() {
  if (heap_.empty()) return false;
  std::pop_heap(heap_.begin(), heap_.end(), Later{});
  Planned next = std::move(heap_.back());
  heap_.pop_back();
  now_ = next.at;
  ++steps_;
  next.event();
  return true;
}

Millis Loop::between(std::int64_t low, std::int64_t high) {
  return Millis(low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low + 1))));
}

void Loop::problem(const std::string& what) {
  if (problem_.empty()) {
    tell("PROBLEM: " + what);
    problem_ = what;
  }
}

void Loop::tell(const std::string& what) {
  static const bool wanted = std::getenv("WEIR_SIM_TELL") != nullptr;
  history_ = hash_bytes(what, history_ + steps_);
  if (wanted) {
    const auto ms = std::chrono::duration_cast<Millis>(now_.time_since_epoch()).count() - 3'600'000;
    std::cout << ms << " ms: " << what << "\n";
  }
}

void Node::start() {
  if (up_) return;
  up_ = true;
  paused_ = false;
  ++life_;
  on_start();
}

void Node::crash() {
  if (!up_) return;
  up_ = false;
  if (std::exchange(paused_, false)) on_pause(false);  // what it holds is closed like any other
  ++life_;
  stalled_.clear();
  on_crash();
}

void Node::pause(Millis how_long) {
  if (!up_ || paused_) return;
  paused_ = true;
  on_pause(true);
  loop_.after(how_long, [this, life = life_] {
    if (life != life_) return;
    paused_ = false;
    on_pause(false);
    for (Loop::Event& event : std::exchange(stalled_, {})) later(Millis(0), std::move(event));
  });
}

void Node::later(Millis delay, Loop::Event event) {
  loop_.after(delay, [this, life = life_, event = std::move(event)]() mutable {
    run(life, std::move(event));
  });
}

void Node::run(std::uint64_t life, Loop::Event event) {
  if (life != life_) return;
  if (paused_) {
    stalled_.push_back(std::move(event));
  } else {
    event();
  }
}

}  // namespace weir::cluster::sim
