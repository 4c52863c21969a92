// Executors for the runtime tests.
#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>
#include <string>

#include "flow/executor.h"

namespace {

struct OutOfDisk : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// /append appends a document with `with.text`; /wait blocks until somebody opens the pipe
// `with.gate` for writing; /throw fails; /count adds the parameter `by` to nothing and says it.
class TestExecutor : public flow::Executor {
 public:
  explicit TestExecutor(const flow::ExecutorConfig& config)
      : text_(config.get("text", "new")),
        gate_(config.get("gate", "")),
        closed_(config.get("closed", "")) {
    on("/append", &TestExecutor::append);
    on("/wait", &TestExecutor::wait);
    on("/throw", &TestExecutor::fail);
    on("/parameters", &TestExecutor::parameters);
  }

  void append(flow::Documents& documents, const flow::Request& /*request*/) {
    add(documents, text_);
  }

  void wait(const flow::Request& request) {
    const flow::Value* gate = request.parameters().find("gate");
    const std::string path = gate == nullptr ? gate_ : *gate->if_string();
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd >= 0) ::close(fd);
  }

  void fail(const flow::Request& /*request*/) { throw OutOfDisk("no space left"); }

  flow::Documents parameters(const flow::Documents& /*documents*/, const flow::Request& request) {
    flow::Documents answer;
    const flow::Value* value = request.parameters().find("key");
    add(answer, value == nullptr ? "none" : std::to_string(*value->if_int()));
    return answer;
  }

  void close() override {
    if (!closed_.empty()) std::ofstream(closed_) << "closed";
  }

 private:
  static void add(flow::Documents& documents, const std::string& text) {
    flow::Document document;
    document.set_text(text);
    documents.push_back(std::move(document));
  }

  std::string text_;
  std::string gate_;
  std::string closed_;
};

class Broken : public flow::Executor {
 public:
  explicit Broken(const flow::ExecutorConfig& config) {
    if (config.get("config", false)) throw flow::ConfigError("with.config must be false");
    throw OutOfDisk("no model");
  }
};

template <typename T>
std::unique_ptr<flow::Executor> make(const flow::ExecutorConfig& config) {
  return std::make_unique<T>(config);
}

}  // namespace

int main(int argc, char** argv) {
  return flow::run_executors(argc, argv, {{"test", make<TestExecutor>}, {"broken", make<Broken>}});
}
