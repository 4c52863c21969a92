// A flow as declared: what a flow file says, before anything is checked against anything else.
//
// config::load_flow fills it; graph::compile turns it into a Graph. Every thing a user wrote keeps
// its Place, so that errors can point at it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/batching.h"
#include "base/polling.h"
#include "base/time.h"
#include "base/value.h"

namespace flow::graph {

// Where in the flow file something stands; line 0: nowhere (a default).
struct Place {
  std::uint32_t line = 0;    // from 1
  std::uint32_t column = 0;  // from 1
  friend bool operator==(const Place&, const Place&) = default;
};

template <typename T>
struct Placed {
  T value{};
  Place place;
};

struct GatewayDecl {
  std::string address;                           // empty: ipc in the run directory only
  Duration deadline = std::chrono::seconds(30);  // default per request
  std::uint32_t max_in_flight = 1024;
  std::uint64_t max_in_flight_bytes = 256ULL << 20;
  std::uint32_t max_queued = 4096;
  std::uint64_t max_request = 16ULL << 20;  // also any part inside; up to 512 MiB
  Duration unavailable_after = std::chrono::seconds(1);
  bool insecure = false;  // the network beyond loopback is trusted
};

struct RedisDecl {
  std::string url = "private";
  std::string password_file;
};

// A program in front of or behind the shards of an executor.
struct CompanionDecl {
  Placed<std::string> uses;
  ValueMap with;  // the executor's own where it is declared as a string
  std::uint32_t replicas = 1;
  std::map<std::string, std::string> env;
  Place place;
};

// As written: defaults are not in it.
struct PollingDecl {
  std::vector<std::pair<std::string, Polling>> endpoints;  // explicit ones, in order
  std::optional<Polling> others;                           // "*", or the one word
  Place place;
};

struct ExecutorDecl {
  Placed<std::string> name;                // never empty: the default is filled in
  Placed<std::string> uses;                // "pass-through" by default
  std::vector<Placed<std::string>> needs;  // as written ("*" too); the default is filled in
  ValueMap with;
  std::uint32_t replicas = 1;
  std::uint32_t shards = 1;
  bool no_reduce = false;
  bool floating = false;
  bool allow_partial = false;
  PollingDecl polling;
  std::vector<Placed<std::string>> replicate;  // endpoints, as written
  std::optional<CompanionDecl> uses_before;
  std::optional<CompanionDecl> uses_after;
  std::optional<ValueMap> when;  // {}: everything passes, and answers are sorted
  Place when_place;
  std::map<std::string, std::string> env;
  Duration timeout{};  // 0: none
  std::uint32_t threads = 1;
  std::string workspace;  // empty: the default
  bool restart = true;
  Duration ready_timeout = std::chrono::seconds(60);
  std::vector<std::pair<std::string, std::string>> effects;  // endpoint or "*", effect
  std::vector<BatchRule> batching;
  Place batching_place;
  bool external = false;           // it runs elsewhere; each replica forwards to one of `hosts`
  std::vector<std::string> hosts;  // tcp://HOST:PORT or ipc:///PATH, by replica
  Place place;                     // of its [[executor]] line
};

struct FlowDecl {
  std::string file;  // path as given, for messages; programs are looked up beside it
  Placed<std::string> name;
  GatewayDecl gateway;
  RedisDecl redis;
  std::vector<ExecutorDecl> executors;
};

}  // namespace flow::graph
