// A Store in memory: for the simulator and for a broker without Redis.
//
// MemoryData is the "server": it outlives brokers, so that a restarted broker finds what its
// predecessor wrote. It can be away (nothing answers; operations wait) and can lose everything. All
// stores on one MemoryData belong to one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "store/store.h"

namespace flow::store {

struct MemoryData {
  std::uint64_t term = 0;
  std::uint64_t version = 0;
  std::uint32_t highest_id = 0;
  Bytes topology;
  std::map<std::string, std::string> assignment;
  std::map<std::string, std::string> health;
  std::string spec;
  std::deque<std::pair<std::string, std::string>> events;  // the newest kEventsKept
  bool away = false;

  // What FLUSHALL or an empty disk does.
  void lose_everything();
};

class MemoryStore final : public Store {
 public:
  explicit MemoryStore(MemoryData& data) : data_(data) {}

  bool submit(Operation operation) override;
  std::optional<Event> poll() override;
  int fd() const override { return -1; }
  std::uint64_t refused() const override { return refused_; }

 private:
  void work();
  bool fenced();
  void apply(Acquire& operation);
  void apply(SaveTopology& operation);
  void apply(SaveAssignment& operation);
  void apply(SaveHealth& operation);
  void apply(SaveSpec& operation);
  void apply(AppendEvent& operation);

  MemoryData& data_;
  std::deque<Operation> queue_;
  std::deque<Event> events_;
  std::uint64_t term_ = 0;  // this writer's
  std::uint64_t refused_ = 0;
  bool connected_ = false;
  bool told_away_ = false;
};

}  // namespace flow::store
