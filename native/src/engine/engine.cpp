#include "flowedge/engine.hpp"

#include "engines.hpp"

namespace flowedge {

std::unique_ptr<Engine> Engine::make(const EngineOptions& options) {
  switch (options.mode) {
    case Mode::cicflowmeter:
      return make_cicflowmeter_engine(options);
    case Mode::engelen:
      return make_engelen_engine(options);
    case Mode::corrected:
      return make_corrected_engine(options);
    case Mode::netflower:
      break;
  }
  return make_netflower_engine(options);
}

}  // namespace flowedge
