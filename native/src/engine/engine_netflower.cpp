#include "engines.hpp"
#include "rules_netflower.hpp"

namespace flowedge {

std::unique_ptr<Engine> make_netflower_engine(const EngineOptions& options) {
  return std::make_unique<EngineOf<NetflowerRules>>(options);
}

}  // namespace flowedge
