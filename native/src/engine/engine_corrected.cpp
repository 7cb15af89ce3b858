#include "engines.hpp"
#include "rules_corrected.hpp"

namespace flowedge {

std::unique_ptr<Engine> make_corrected_engine(const EngineOptions& options) {
  return std::make_unique<EngineOf<CorrectedRules>>(options);
}

}  // namespace flowedge
