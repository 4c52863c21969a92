// An executor that keeps documents by id as the built-in indexes do, on a disk of the simulation:
// what a handler has written is still there when the process is killed and started again.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "flow/executor.h"

namespace flow::sim {

// One document, or what is remembered of a removed one.
struct Stored {
  WriteVersion version;
  std::string text;
  bool removed = false;
  std::uint64_t serial = 0;  // grows with everything that is written here

  friend bool operator==(const Stored& a, const Stored& b) {
    return a.version == b.version && a.text == b.text && a.removed == b.removed;
  }
};

struct Disk {
  std::map<std::string, Stored> entries;
  std::uint64_t serial = 0;
  std::uint32_t starts = 0;
};

// "/index", "/update" and "/delete" write; an update of what is not there fails. "/search" says of
// each document that it knows what text it has, "-" when it was removed. `disk` outlives it.
std::unique_ptr<Executor> make_store(Disk& disk);

}  // namespace flow::sim
