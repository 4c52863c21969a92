// chain: a reducer that does not reduce. All documents of all parts, one after the other; the tag
// `with.tag` says which part each came with.
//
// A handler that takes a DocumentsMatrix gets one part a need, in the order of `needs`, whether it
// stands in `uses` or in `uses_before`.
#include <flow/executor.h>

#include <string>
#include <utility>

namespace {

class Chain : public flow::Executor {
 public:
  explicit Chain(const flow::ExecutorConfig& config) : tag_(config.get("tag", "from")) {
    on_default(&Chain::reduce);
  }

  flow::Documents reduce(flow::DocumentsMatrix& parts, const flow::Request&) {
    flow::Documents all;
    for (flow::SourcePart& part : parts) {
      for (flow::Document& document : part.documents) {
        document.set_tag(tag_, flow::Value(part.source));
        all.push_back(std::move(document));
      }
    }
    return all;
  }

 private:
  std::string tag_;
};

}  // namespace

int main(int argc, char** argv) {
  return flow::run_executor<Chain>(argc, argv);
}
