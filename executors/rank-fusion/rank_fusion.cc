#include "executors/rank-fusion/rank_fusion.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <unordered_map>

#include "base/json.h"
#include "executors/settings/parts.h"
#include "executors/settings/settings.h"

namespace flow::executors {
namespace {

constexpr double kMaxWeight = 1e6;

struct Fused {
  double score = 0;
  Document match;
};

void keep_scores(Document& match, const Document& other) {
  for (const wire::NamedScore& score : other.scores()) {
    if (!match.score(score.name)) match.set_score(score.name, score.value, score.description);
  }
}

std::vector<Document> best_of(std::vector<Fused> fused, std::size_t top) {
  std::stable_sort(fused.begin(), fused.end(),
                   [](const Fused& a, const Fused& b) { return a.score > b.score; });
  if (fused.size() > top) fused.resize(top);
  std::vector<Document> matches;
  matches.reserve(fused.size());
  for (Fused& one : fused) {
    one.match.set_score("rrf", one.score);
    matches.push_back(std::move(one.match));
  }
  return matches;
}

std::vector<Fused> fuse_matches(const SamePart& same, const std::vector<double>& weights,
                                double k) {
  std::vector<Fused> fused;
  std::unordered_map<std::string, std::size_t> places;
  for (const PartDocument& part : same.documents) {
    double rank = 0;
    for (Document& match : part.document->matches()) {
      const double score = weights[part.part] / (k + ++rank);
      const auto [place, is_new] = places.try_emplace(std::string(match.id()), fused.size());
      if (is_new) {
        fused.push_back({score, std::move(match)});
      } else {
        fused[place->second].score += score;
        keep_scores(fused[place->second].match, match);
      }
    }
  }
  return fused;
}

std::vector<std::pair<std::string, double>> read_weights(const ExecutorConfig& config) {
  std::vector<std::pair<std::string, double>> weights;
  const Value* value = config.find("weights");
  if (value == nullptr) return weights;
  const ValueMap* table = value->if_map();
  if (table == nullptr) {
    throw ConfigError(
        fmt::format("with.weights is {}, expected a table of needs and numbers", to_json(*value)));
  }
  for (const auto& [name, weight] : *table) {
    if (!weight.is_number() || !(weight.number() >= 0 && weight.number() <= kMaxWeight)) {
      throw ConfigError(fmt::format("with.weights.{} is {}, expected a number from 0 to {:.0f}",
                                    name, to_json(weight), kMaxWeight));
    }
    weights.emplace_back(name, weight.number());
  }
  return weights;
}

}  // namespace

RankFusion::RankFusion(const ExecutorConfig& config)
    : k_(number_between(config, "k", 60.0, 0, 1e6)),
      top_(static_cast<std::size_t>(int_between(config, "top", 10, 1, kMaxTop))),
      weights_(read_weights(config)) {
  on_default(&RankFusion::fuse);
}

Documents RankFusion::fuse(DocumentsMatrix& parts, const Request& request) {
  const std::size_t top = top_of(request, top_);
  const std::vector<double> weights = weights_of(parts);
  Documents answer;
  for (const SamePart& same : same_documents(parts)) {
    std::vector<Fused> fused = fuse_matches(same, weights, k_);
    Document document = std::move(*same.documents.front().document);
    if (!fused.empty()) document.change().matches = best_of(std::move(fused), top);
    answer.push_back(std::move(document));
  }
  return answer;
}

std::vector<double> RankFusion::weights_of(const DocumentsMatrix& parts) const {
  std::vector<double> weights(parts.size(), 1.0);
  for (const auto& [name, weight] : weights_) {
    bool known = false;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (parts[i].source != name) continue;
      weights[i] = weight;
      known = true;
    }
    if (known) continue;
    std::string sources;
    for (const SourcePart& part : parts)
      sources += (sources.empty() ? "" : ", ") + part.source;
    throw std::runtime_error(
        fmt::format("with.weights names '{}', but the parts come from {}", name, sources));
  }
  return weights;
}

}  // namespace flow::executors
