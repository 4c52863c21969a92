#include "route/reduce.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "route/id_index.h"

namespace flow::route {
namespace {

using wire::Document;
using wire::DocumentFields;
using wire::DocumentList;
using Documents = std::vector<Document>;

bool merge(Document& left, const Document& right);

// Puts documents behind a list, or into those of the list that have their ids.
template <typename List>
class Merger {
  using Index = IdIndex<List, Repeated::kLast>;

 public:
  // The list will have at most `most` documents.
  Merger(List& list, std::size_t most) : list_(list), index_(list, most) {}

  // `adopt` sees a document before it is appended. Returns whether the list changed.
  template <typename Adopt>
  bool add(Document document, Adopt&& adopt) {
    const std::size_t found = index_.find(document.id());
    if (found != Index::kNotFound) return merge(list_[found], document);
    adopt(document);
    list_.push_back(std::move(document));
    index_.insert(list_.size() - 1);
    return true;
  }

 private:
  List& list_;
  Index index_;
};

template <typename Adopt>
bool merge_into(Documents& left, Documents right, Adopt&& adopt) {
  Merger<Documents> merger(left, left.size() + right.size());
  bool changed = false;
  for (Document& document : right)
    changed = merger.add(std::move(document), adopt) || changed;
  return changed;
}

// Merges children into those of `parent`, which is decoded only if they change.
template <typename Adopt>
bool merge_children(Document& parent, Documents DocumentFields::*member,
                    Documents (Document::*read)() const, const Document& other, Adopt&& adopt) {
  if (!parent.encoded()) return merge_into(parent.change().*member, (other.*read)(), adopt);
  Documents children = (parent.*read)();
  if (!merge_into(children, (other.*read)(), adopt)) return false;
  parent.change().*member = std::move(children);
  return true;
}

bool merge_chunks(Document& left, const Document& right) {
  if (right.chunk_count() == 0) return false;
  const std::string parent_id(left.id());
  const std::uint32_t granularity = left.granularity() + 1;
  return merge_children(left, &DocumentFields::chunks, &Document::chunks, right,
                        [&parent_id, granularity](Document& chunk) {
                          if (chunk.parent_id() != parent_id) chunk.change().parent_id = parent_id;
                          if (chunk.granularity() != granularity) {
                            chunk.change().granularity = granularity;
                          }
                        });
}

bool merge_matches(Document& left, const Document& right) {
  if (right.match_count() == 0) return false;
  const std::uint32_t adjacency = left.adjacency() + 1;
  return merge_children(left, &DocumentFields::matches, &Document::matches, right,
                        [adjacency](Document& match) {
                          if (match.adjacency() != adjacency) match.change().adjacency = adjacency;
                        });
}

// Takes a field when `left` has none and `right` has one.
template <typename Member, typename Read>
bool fill(Document& left, const Document& right, Member member, bool left_has, bool right_has,
          Read read) {
  if (left_has || !right_has) return false;
  left.change().*member = (right.*read)();
  return true;
}

bool merge_texts(Document& left, const Document& right) {
  using Read = std::string_view (Document::*)() const;
  struct Field {
    std::string DocumentFields::*member;
    Read read;
  };
  constexpr Field kFields[] = {{&DocumentFields::text, &Document::text},
                               {&DocumentFields::blob, &Document::blob},
                               {&DocumentFields::uri, &Document::uri},
                               {&DocumentFields::mime_type, &Document::mime_type},
                               {&DocumentFields::modality, &Document::modality}};
  bool changed = false;
  for (const auto& [member, read] : kFields) {
    const bool left_has = !(left.*read)().empty();
    const bool right_has = !(right.*read)().empty();
    changed = fill(left, right, member, left_has, right_has, read) || changed;
  }
  return changed;
}

bool merge_numbers(Document& left, const Document& right) {
  using F = DocumentFields;
  using D = Document;
  bool changed = fill(left, right, &F::granularity, left.granularity() != 0,
                      right.granularity() != 0, &D::granularity);
  changed = fill(left, right, &F::adjacency, left.adjacency() != 0, right.adjacency() != 0,
                 &D::adjacency) ||
            changed;
  changed =
      fill(left, right, &F::weight, left.weight() != 0, right.weight() != 0, &D::weight) || changed;
  return fill(left, right, &F::offset, left.offset() != 0, right.offset() != 0, &D::offset) ||
         changed;
}

// Fields that are taken as a whole.
bool merge_wholes(Document& left, const Document& right) {
  using F = DocumentFields;
  using D = Document;
  bool changed = fill(left, right, &F::tensor, left.has_tensor(), right.has_tensor(), &D::tensor);
  changed = fill(left, right, &F::embedding, left.has_embedding(), right.has_embedding(),
                 &D::embedding) ||
            changed;
  changed = fill(left, right, &F::tags, left.tag_count() != 0, right.tag_count() != 0, &D::tags) ||
            changed;
  changed = fill(left, right, &F::scores, left.score_count() != 0, right.score_count() != 0,
                 &D::scores) ||
            changed;
  changed = fill(left, right, &F::evaluations, left.evaluation_count() != 0,
                 right.evaluation_count() != 0, &D::evaluations) ||
            changed;
  return fill(left, right, &F::location, left.location_count() != 0, right.location_count() != 0,
              &D::location) ||
         changed;
}

bool merge(Document& left, const Document& right) {
  bool changed = merge_texts(left, right);
  changed = merge_numbers(left, right) || changed;
  changed = merge_wholes(left, right) || changed;
  changed = merge_chunks(left, right) || changed;
  return merge_matches(left, right) || changed;
}

}  // namespace

void reduce(DocumentList& left, DocumentList right) {
  if (right.empty()) return;
  if (left.empty() && !repeats_ids(right)) {
    left = std::move(right);
    return;
  }
  Merger<DocumentList> merger(left, left.size() + right.size());
  left.reserve(left.size() + right.size());
  for (Document& document : right)
    merger.add(std::move(document), [](Document&) {});
}

DocumentList reduce_all(std::vector<DocumentList> parts) {
  DocumentList result;
  if (parts.empty()) return result;
  result = std::move(parts.front());
  std::size_t next = 1;
  while (next < parts.size() && result.empty())
    reduce(result, std::move(parts[next++]));
  std::size_t most = result.size();
  for (std::size_t i = next; i < parts.size(); ++i)
    most += parts[i].size();
  if (most == result.size()) return result;
  result.reserve(most);
  Merger<DocumentList> merger(result, most);
  for (; next < parts.size(); ++next) {
    for (Document& document : parts[next])
      merger.add(std::move(document), [](Document&) {});
  }
  return result;
}

}  // namespace flow::route
