#include "executors/settings/parts.h"

#include <string>
#include <unordered_map>

namespace flow::executors {

std::vector<SamePart> same_documents(DocumentsMatrix& parts) {
  std::vector<SamePart> all;
  std::unordered_map<std::string, std::vector<std::size_t>> places;  // id -> indices into `all`
  for (std::size_t part = 0; part < parts.size(); ++part) {
    std::unordered_map<std::string, std::size_t> seen;  // how often in this part
    for (Document& document : parts[part].documents) {
      const std::string id(document.id());
      std::vector<std::size_t>& known = places[id];
      const std::size_t occurrence = seen[id]++;
      if (occurrence == known.size()) {
        known.push_back(all.size());
        all.emplace_back();
      }
      all[known[occurrence]].documents.push_back({part, &document});
    }
  }
  return all;
}

}  // namespace flow::executors
