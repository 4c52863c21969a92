// Looks up hosts, away from every thread that must not wait: the system's resolver may take many
// seconds.
//
// One thread owns a Resolver. While a look-up is under way a thread of its own runs it; that thread
// touches nothing but the answer, and outlives a Resolver that is gone before it. At most one
// look-up at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"

namespace flow::net {

// tcp://HOST:PORT with a HOST that is no numeric address.
bool has_host_name(const std::string& address);

class Resolver {
 public:
  Resolver();
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // Begins to look up the host of `address`, tcp://NAME:PORT. Nothing happens while one is under
  // way.
  void start(const std::string& address);
  bool busy() const { return busy_; }

  // Readable when the answer is there.
  int fd() const;

  // The answer, once: the address with the host's first numeric address, IPv4 where it has one.
  // kNotFound says why there is none. Nothing while it is not there.
  std::optional<Result<std::string>> take();

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
  bool busy_ = false;
};

}  // namespace flow::net
