// What an answer says beside its documents, and in which order those come. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
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

// Says in answers which way they took: hops by the names of executor and instance; of an instance
// that is gone, by the executor's alone. What the answer before said of the same instance stays.
class HopNames {
 public:
  // `named` is the same each time, and nobody else changes it.
  void write(const route::Planner& planner, const route::Choices& choices,
             const std::vector<wire::Hop>& hops, std::vector<wire::ResponseHop>& named);

  // Names may have changed.
  void forget() { written_.clear(); }

 private:
  struct Who {
    std::uint32_t instance = 0;
    std::uint16_t node = 0;
    bool there = false;
    friend bool operator==(const Who&, const Who&) = default;
  };
  std::vector<Who> written_;  // by position
};

// The shards that `header` says are missing, by name: those of this flow, then those elsewhere.
void name_missing(const wire::Topology& topology, const wire::PartHeader& header,
                  std::vector<wire::MissingShard>& named);

// Sorts the documents of an answer by the position of their ids in the request, the first where an
// id repeats; those that are not in the request come last. Stable; documents are moved as they are,
// and lists in that order already, or that do not verify, stay the bytes they were.
void sort_like(const Bytes& request, Bytes& answer);

}  // namespace flow::gateway
