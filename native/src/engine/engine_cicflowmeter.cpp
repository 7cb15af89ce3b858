#include "engines.hpp"
#include "rules_cicflowmeter.hpp"

namespace flowedge {

std::unique_ptr<Engine> make_cicflowmeter_engine(const EngineOptions& options) {
  return std::make_unique<EngineOf<CicflowmeterRules>>(options);
}

}  // namespace flowedge
