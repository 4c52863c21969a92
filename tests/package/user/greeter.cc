// The smallest executor outside of the repository.
#include <flow/executor.h>

#include <string>

class Greeter : public flow::Executor {
 public:
  explicit Greeter(const flow::ExecutorConfig& config)
      : greeting_(config.get("greeting", "hello")) {
    on("/greet", &Greeter::greet);
  }

  void greet(flow::Documents& documents, const flow::Request& /*request*/) {
    for (flow::Document& document : documents) {
      document.set_text(greeting_ + " " + std::string(document.text()));
    }
  }

 private:
  std::string greeting_;
};

int main(int argc, char** argv) {
  return flow::run_executor<Greeter>(argc, argv);
}
