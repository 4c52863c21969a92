// Writing an executor.
//
//   class Greeter : public flow::Executor {
//    public:
//     explicit Greeter(const flow::ExecutorConfig& config) : greeting_(config.get("greeting",
//     "hello")) {
//       on("/greet", &Greeter::greet);
//     }
//     void greet(flow::Documents& documents, const flow::Request& request) {
//       for (flow::Document& document : documents) document.set_text(greeting_);
//     }
//    private:
//     std::string greeting_;
//   };
//   int main(int argc, char** argv) { return flow::run_executor<Greeter>(argc, argv); }
//
// Handlers run one at a time on the worker's data thread. What a handler throws ends the request
// with EXECUTOR_ERROR, the exception's type and text; what the constructor throws ends the process.
// A request whose endpoint is not bound passes through unchanged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/time.h"
#include "base/value.h"
#include "base/write_version.h"
#include "flow/replicated.h"
#include "wire/document.h"
#include "wire/document_list.h"

namespace flow {

using Document = wire::Document;
using Documents = wire::DocumentList;
using Tensor = wire::Tensor;
using DType = wire::DType;

// Thrown for a `with` table that an executor cannot use; its text reaches the user as it is.
class ConfigError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// What an executor is told at birth.
class ExecutorConfig {
 public:
  std::string name;      // from the flow file
  std::string instance;  // encode/rep-0
  std::uint32_t shard = 0;
  std::uint32_t shards = 1;
  std::uint32_t replica = 0;
  std::uint32_t replicas = 1;
  std::string workspace;  // a folder of this instance's own; make_workspace() creates it
  std::string devices;    // its CUDA_VISIBLE_DEVICES: the GPUs it may use; RR is resolved

  ExecutorConfig() = default;
  explicit ExecutorConfig(ValueMap with) : with_(std::move(with)) {}

  // The value of a key of the `with` table, or `fallback` when it is missing. ConfigError when it
  // has another type. Keys nobody asks for are an error once the constructor has returned.
  std::string get(std::string_view key, const char* fallback) const;
  std::string get(std::string_view key, const std::string& fallback) const;
  std::int64_t get(std::string_view key, int fallback) const;
  std::int64_t get(std::string_view key, std::int64_t fallback) const;
  double get(std::string_view key, double fallback) const;  // ints are fine too
  bool get(std::string_view key, bool fallback) const;
  const Value* find(std::string_view key) const;  // any kind; nullptr when missing

  // The whole table; all keys then count as asked for.
  const ValueMap& with() const;

  // Keys that were asked for, and keys of the table nobody asked for.
  const std::vector<std::string>& asked() const { return asked_; }
  std::vector<std::string> unused() const;

  // Creates the workspace folder (0750, with parents) and returns its path. ConfigError names the
  // folder and the reason.
  const std::string& make_workspace() const;

 private:
  ValueMap with_;
  mutable std::vector<std::string> asked_;
};

// The request a handler works on.
class Request {
 public:
  virtual ~Request() = default;
  virtual std::string_view endpoint() const = 0;
  virtual std::string id() const = 0;  // "gateway-sequence", for logs

  // The client's parameters as this executor sees them. Decoded on the first call.
  virtual const ValueMap& parameters() const = 0;

  // Time left until the deadline when execution began.
  virtual Duration remaining() const = 0;

  // When the gateway admitted the request: the same in every attempt and at every replica, another
  // one for every other request. None from a gateway that does not stamp.
  virtual WriteVersion version() const { return {}; }

  // Whether this replica is behind its siblings: it gets their writes, but not yet everything that
  // was written before. An unknown id is then no mistake of the client's.
  virtual bool catching_up() const { return false; }
};

// One unreduced part: the documents that came from one need.
struct SourcePart {
  std::string source;  // the need's name, "gateway" for a direct edge
  Documents documents;
};
using DocumentsMatrix = std::vector<SourcePart>;  // in the declared order of `needs`

// What a dictionary result may have, encoded.
inline constexpr std::size_t kMaxResultBytes = 64 * 1024;

class Executor {
 public:
  // What the runtime hands to a handler. `documents()` opens the payload when first asked; a
  // handler that never asks forwards it untouched.
  class Call {
   public:
    virtual ~Call() = default;
    virtual const Request& request() const = 0;
    virtual Documents& documents() = 0;     // all parts together (concatenated when unreduced)
    virtual DocumentsMatrix& matrix() = 0;  // one part when reduced
    virtual void answer(Documents documents) = 0;  // replaces the documents

    // The dictionary result of this instance: the reply's parameters carry it as
    // __results__["encode/rep-0"]. The documents go on as they are. The last call counts; encoded
    // it may have kMaxResultBytes, else the request ends with TOO_LARGE.
    virtual void answer_results(ValueMap results) = 0;
  };
  using Handler = std::function<void(Call&)>;
  struct Binding {
    std::string endpoint;  // "/default": every endpoint that is not bound itself
    bool wants_matrix = false;
    Handler handler;
  };

  Executor() = default;
  virtual ~Executor() = default;
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // After the last request, before the process ends.
  virtual void close() {}

  // What this executor keeps, for replicas that copy it; nullptr: it keeps nothing that is copied.
  // Asked once, after the constructor; the answer lives until close().
  virtual Replicated* replicated() { return nullptr; }

  const std::vector<Binding>& bindings() const { return bindings_; }

 protected:
  // Binds an endpoint to a member function; in the constructor only. Accepted forms:
  //   void f(Documents&, const Request&)                changes the documents in place
  //   Documents f(const Documents&, const Request&)     answers with other documents
  //   Documents f(DocumentsMatrix&, const Request&)     gets the unreduced parts
  //   ValueMap f(Documents&, const Request&)            changes in place, answers a dictionary
  //   ValueMap f(const Request&)                        a dictionary, looks at no documents
  //   void f(const Request&)                            looks at no documents
  template <typename T, typename Method>
  requires std::is_base_of_v<Executor, T>
  void on(std::string endpoint, Method T::*method) {
    T* self = static_cast<T*>(this);
    constexpr bool kMatrix = std::is_invocable_v<Method T::*, T*, DocumentsMatrix&, const Request&>;
    bind(std::move(endpoint), kMatrix, [self, method](Call& call) { invoke(*self, method, call); });
  }
  template <typename T, typename Method>
  requires std::is_base_of_v<Executor, T>
  void on_default(Method T::*method) { on("/default", method); }
  void bind(std::string endpoint, bool wants_matrix, Handler handler) {
    bindings_.push_back({std::move(endpoint), wants_matrix, std::move(handler)});
  }

 private:
  template <typename T, typename Method>
  static void invoke(T& self, Method T::*method, Call& call) {
    const Request& request = call.request();
    if constexpr (std::is_invocable_v<Method T::*, T*, const Request&>) {
      finish(call, [&] { return (self.*method)(request); });
    } else if constexpr (std::is_invocable_v<Method T::*, T*, DocumentsMatrix&, const Request&>) {
      finish(call, [&] { return (self.*method)(call.matrix(), request); });
    } else {
      finish(call, [&] { return (self.*method)(call.documents(), request); });
    }
  }

  // Answers with what `handler` returns: nothing, a dictionary or documents.
  template <typename Handle>
  static void finish(Call& call, const Handle& handler) {
    using Returned = std::invoke_result_t<Handle>;
    if constexpr (std::is_void_v<Returned>) {
      handler();
    } else if constexpr (std::is_same_v<Returned, ValueMap>) {
      call.answer_results(handler());
    } else {
      call.answer(handler());
    }
  }

  std::vector<Binding> bindings_;
};

using ExecutorFactory = std::function<std::unique_ptr<Executor>(const ExecutorConfig&)>;

// Names a factory, for programs that hold several executors (flow-worker).
struct NamedExecutor {
  std::string name;
  ExecutorFactory factory;
};

// The whole program: reads the command line, joins the flow, serves until it is told to end.
// Returns the exit status: 0 drained, 1 could not start (said on stderr), 2 usage.
int run_executors(int argc, char** argv, const std::vector<NamedExecutor>& executors);

template <typename T>
int run_executor(int argc, char** argv) {
  return run_executors(argc, argv,
                       {{"", [](const ExecutorConfig& config) {
                           return std::unique_ptr<Executor>(std::make_unique<T>(config));
                         }}});
}

}  // namespace flow
