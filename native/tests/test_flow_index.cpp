#include <map>
#include <random>

#include "check.hpp"
#include "flowedge/flow_index.hpp"
#include "flowedge/flow_table.hpp"

using flowedge::FlowIndex;

namespace {

/// The index next to a std::map from flow to hash.
class CheckedIndex {
 public:
  explicit CheckedIndex(std::size_t room) : index_(room) {}

  void insert(std::uint32_t hash, std::uint32_t flow) {
    index_.insert(hash, flow);
    hashes_[flow] = hash;
  }

  void erase(std::uint32_t flow) {
    const std::uint32_t hash = hashes_.at(flow);
    index_.erase(hash, flow);
    hashes_.erase(flow);
    CHECK_EQ(find(hash, flow), FlowIndex::kNone);
  }

  void check_all() const {
    for (const auto& [flow, hash] : hashes_) CHECK_EQ(find(hash, flow), flow);
  }

  bool has(std::uint32_t flow) const { return hashes_.count(flow) != 0; }
  std::size_t size() const { return hashes_.size(); }
  const FlowIndex& index() const { return index_; }

 private:
  std::uint32_t find(std::uint32_t hash, std::uint32_t flow) const {
    return index_.find(hash, [=](std::uint32_t candidate) { return candidate == flow; });
  }

  FlowIndex index_;
  std::map<std::uint32_t, std::uint32_t> hashes_;
};

/// Hashes whose homes lie around the end of the smallest table, where probing wraps; many collide.
std::uint32_t hash_at_the_wrap(std::uint32_t random) {
  return (random >> 8) % 4 * 1024 + 1024 - 6 + random % 12;
}

}  // namespace

TEST(nothing_is_found_in_an_empty_index) {
  const FlowIndex index(0);
  CHECK_EQ(index.guess(0), FlowIndex::kNone);
  CHECK_EQ(index.guess(0xffffffff), FlowIndex::kNone);
}

TEST(flows_of_one_hash_are_told_apart) {
  CheckedIndex checked(0);
  for (std::uint32_t flow = 0; flow < 50; ++flow) checked.insert(0xffffffff, flow);
  checked.check_all();
  CHECK_EQ(checked.index().guess(0xffffffff), 0U);
  CHECK_EQ(checked.index().guess(1023), FlowIndex::kNone);  // same place, another hash
  for (std::uint32_t flow = 0; flow < 50; flow += 2) checked.erase(flow);
  checked.check_all();
}

TEST(erasure_closes_the_gap_across_the_wrap) {
  std::minstd_rand random(3);
  for (int round = 0; round < 300; ++round) {
    CheckedIndex checked(0);
    for (std::uint32_t flow = 0; flow < 40; ++flow) {
      checked.insert(hash_at_the_wrap(static_cast<std::uint32_t>(random())), flow);
    }
    while (checked.size() > 0) {
      const std::uint32_t flow = random() % 40;
      if (!checked.has(flow)) continue;
      checked.erase(flow);
      checked.check_all();
    }
  }
}

TEST(random_flows_come_and_go_while_the_index_grows) {
  std::mt19937 random(4);
  CheckedIndex checked(0);
  for (std::uint32_t step = 0; step < 60000; ++step) {
    const std::uint32_t flow = random() % 8000;
    if (checked.has(flow)) {
      if (random() % 3 == 0) checked.erase(flow);
    } else {
      checked.insert(random() % 4 == 0 ? hash_at_the_wrap(random()) : random(), flow);
    }
    if (step % 6000 == 0) checked.check_all();
  }
  CHECK(checked.size() > 5000);
  checked.check_all();
}

TEST(room_is_as_asked) {
  CheckedIndex checked(100'000);
  for (std::uint32_t flow = 0; flow < 100'000; ++flow) checked.insert(flow * 2654435761U, flow);
  checked.check_all();
}

TEST(table_gives_a_number_again_before_it_takes_a_new_one) {
  struct Nothing {};
  flowedge::FlowTable<Nothing> table(0);
  std::mt19937 random(5);
  std::vector<std::uint32_t> numbers;
  const auto hash_of = [](const flowedge::FlowKey& key) { return key.low_port * 2654435761U; };
  for (int step = 0; step < 20000; ++step) {
    if (numbers.size() < 100 && random() % 2 == 0) {
      flowedge::FlowKey key{};
      key.low_port = static_cast<std::uint16_t>(step);
      numbers.push_back(table.insert(hash_of(key), key));
      CHECK_EQ(table.find(hash_of(key), key), numbers.back());
    } else if (!numbers.empty()) {
      std::swap(numbers[random() % numbers.size()], numbers.back());
      table.erase(hash_of(table.flow(numbers.back()).key), numbers.back());
      numbers.pop_back();
    }
    CHECK_EQ(table.size(), numbers.size());
    CHECK(table.numbers() <= 100);
  }
}
