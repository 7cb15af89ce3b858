#include "engines.hpp"
#include "rules_engelen.hpp"

namespace flowedge {

std::unique_ptr<Engine> make_engelen_engine(const EngineOptions& options) {
  return std::make_unique<EngineOf<EngelenRules>>(options);
}

}  // namespace flowedge
