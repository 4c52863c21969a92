#include "executors/match-merger/match_merger.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "executors/settings/parts.h"
#include "executors/settings/settings.h"

namespace flow::executors {
namespace {

std::string first_score_of(const std::vector<Document>& matches) {
  for (const Document& match : matches) {
    const auto scores = match.scores();
    if (!scores.empty()) return scores.front().name;
  }
  return {};
}

}  // namespace

MatchMerger::MatchMerger(const ExecutorConfig& config)
    : score_(config.get("score", config.get("metric", ""))),
      order_(one_of(config, "order", "", {"", "descending", "ascending"})),
      top_(static_cast<std::size_t>(int_between(config, "top", 0, 0, kMaxTop))) {
  for (const char* key : {"fsync", "max_documents", "k1", "b"})
    config.find(key);
  on_default(&MatchMerger::merge);
}

Documents MatchMerger::merge(DocumentsMatrix& parts, const Request& request) {
  const std::size_t top = top_of(request, top_, 0);
  Documents merged;
  for (SamePart& same : same_documents(parts)) {
    std::vector<Document> matches;
    for (const PartDocument& part : same.documents) {
      for (Document& match : part.document->matches())
        matches.push_back(std::move(match));
    }
    Document document = std::move(*same.documents.front().document);
    if (!matches.empty()) {
      sort(matches);
      if (top > 0 && matches.size() > top) matches.resize(top);
      document.change().matches = std::move(matches);
    }
    merged.push_back(std::move(document));
  }
  return merged;
}

void MatchMerger::sort(std::vector<Document>& matches) const {
  const std::string name = score_.empty() ? first_score_of(matches) : score_;
  if (name.empty()) return;
  const bool ascending = order_.empty() ? name == "l2" : order_ == "ascending";
  std::vector<std::pair<double, std::size_t>> order;
  for (std::size_t i = 0; i < matches.size(); ++i) {
    const auto score = matches[i].score(name);
    const double key =
        score ? (ascending ? *score : -*score) : std::numeric_limits<double>::infinity();
    order.emplace_back(key, i);
  }
  std::sort(order.begin(), order.end());
  std::vector<Document> sorted;
  sorted.reserve(matches.size());
  for (const auto& [key, index] : order)
    sorted.push_back(std::move(matches[index]));
  matches = std::move(sorted);
}

}  // namespace flow::executors
