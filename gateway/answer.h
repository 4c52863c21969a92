// What an answer says beside its documents, and in which order those come. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "route/choices.h"
#include "route/planner.h"
#include "wire/client_messages.h"
#include "wire/part.h"
#include "wire/topology.h"

namespace flow::gateway {

// Adds the shards that the lanes of `header`'s plan do not have, of nodes the answer waits for, to
// header.missing.
void add_missing(const route::Planner& planner, const route::Choices& choices,
                 wire::PartHeader& header);

// Says in answers which way they took: hops by the names of executor and instance. What the answer
// before said of the same instance stays.
class HopNames {
 public:
  // `named` is the same each time, and nobody else changes it.
  explicit HopNames(std::vector<wire::ResponseHop>& named) : named_(named) {}

  // Begins an answer, adds a hop, ends the answer. `target` is nullptr of an instance that is gone:
  // it goes by the executor's name.
  void begin() { count_ = 0; }
  void add(const wire::Hop& hop, const wire::TopologyNode& node,
           const route::Planner::Target* target) {
    const Who who{hop.instance, NodeIndex{hop.node}, target != nullptr};
    if (count_ == written_.size() || written_[count_] != who) name(who, node, target);
    wire::ResponseHop& one = named_[count_++];
    one.queue_us = hop.queue_us;
    one.execute_us = hop.execute_us;
    one.reduce_us = hop.reduce_us;
    one.wire_us = hop.wire_us;
  }
  void end() {
    if (count_ != written_.size()) cut();
  }

  // Names may have changed.
  void forget();

 private:
  struct Who {
    std::uint32_t instance = 0;
    NodeIndex node = kGatewayNode;  // nobody
    bool there = false;
    friend bool operator==(const Who&, const Who&) = default;
  };
  void name(const Who& who, const wire::TopologyNode& node, const route::Planner::Target* target);
  void cut();

  std::vector<wire::ResponseHop>& named_;
  std::vector<Who> written_;  // those in named_
  std::size_t count_ = 0;
};

// The shards that `header` says are missing, by name: those of this flow, then those elsewhere.
void name_missing(const wire::Topology& topology, const wire::PartHeader& header,
                  std::vector<wire::MissingShard>& named);

// Sorts the documents of an answer by the position of their ids in the request, the first where an
// id repeats; those that are not in the request come last. Stable; documents are moved as they are,
// and lists in that order already, or that do not verify, stay the bytes they were.
void sort_like(const Bytes& request, Bytes& answer);

}  // namespace flow::gateway
