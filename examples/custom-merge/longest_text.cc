// longest-text: where branches meet, keeps for each document the version with the longest text and
// writes down, in the tag `from`, which branch it came from.
//
// A handler that takes a DocumentsMatrix gets the documents of every branch unreduced, in the order
// of `needs`.
#include <flow/executor.h>

#include <map>
#include <string>
#include <utility>

namespace {

class LongestText : public flow::Executor {
 public:
  explicit LongestText(const flow::ExecutorConfig&) { on_default(&LongestText::merge); }

  flow::Documents merge(flow::DocumentsMatrix& parts, const flow::Request&) {
    flow::Documents merged;
    std::map<std::string, std::size_t> places;
    for (flow::SourcePart& part : parts) {
      for (flow::Document& document : part.documents) {
        const std::string id(document.id());
        const auto [place, is_new] = places.try_emplace(id, merged.size());
        if (!is_new && document.text().size() <= merged[place->second].text().size()) continue;
        document.set_tag("from", flow::Value(part.source));
        if (is_new) {
          merged.push_back(std::move(document));
        } else {
          merged[place->second] = std::move(document);
        }
      }
    }
    return merged;
  }
};

}  // namespace

int main(int argc, char** argv) {
  return flow::run_executor<LongestText>(argc, argv);
}
