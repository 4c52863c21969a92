// was-here: appends a document that says how many there were.
#include <flow/executor.h>

#include <string>

namespace {

class WasHere : public flow::Executor {
 public:
  explicit WasHere(const flow::ExecutorConfig& config) : name_(config.name) {
    on_default(&WasHere::say);
  }

  void say(flow::Documents& documents, const flow::Request&) {
    flow::Document said;
    said.set_text(name_ + " was here and got " + std::to_string(documents.size()) + " document");
    documents.push_back(said);
  }

 private:
  std::string name_;
};

}  // namespace

int main(int argc, char** argv) {
  return flow::run_executor<WasHere>(argc, argv);
}
