// greeter: puts a greeting in front of every text.
//
// `with.greeting` is what it says. On /greet the request parameter `name` is added to it. A
// document without text fails the request.
#include <flow/executor.h>

#include <stdexcept>
#include <string>

namespace {

class Greeter : public flow::Executor {
 public:
  explicit Greeter(const flow::ExecutorConfig& config)
      : greeting_(config.get("greeting", "hello")) {
    if (greeting_.empty()) throw flow::ConfigError("with.greeting is empty, expected a word");
    on("/greet", &Greeter::greet);
  }

  void greet(flow::Documents& documents, const flow::Request& request) {
    const std::string greeting = greeting_ + name_in(request) + ", ";
    for (flow::Document& document : documents) {
      if (document.text().empty()) {
        throw std::invalid_argument("document '" + std::string(document.id()) + "' has no text");
      }
      document.set_text(greeting + std::string(document.text()));
    }
  }

 private:
  static std::string name_in(const flow::Request& request) {
    const flow::Value* name = request.parameters().find("name");
    if (name == nullptr) return {};
    if (name->if_string() == nullptr) throw std::invalid_argument("parameter name is no string");
    return " " + *name->if_string();
  }

  std::string greeting_;
};

}  // namespace

int main(int argc, char** argv) {
  return flow::run_executor<Greeter>(argc, argv);
}
