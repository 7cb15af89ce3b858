#pragma once
#include <memory>

#include "flowedge/engine.hpp"

namespace flowedge {

// One translation unit a mode, so that the four are compiled side by side.
std::unique_ptr<Engine> make_netflower_engine(const EngineOptions& options);
std::unique_ptr<Engine> make_cicflowmeter_engine(const EngineOptions& options);
std::unique_ptr<Engine> make_engelen_engine(const EngineOptions& options);
std::unique_ptr<Engine> make_corrected_engine(const EngineOptions& options);

}  // namespace flowedge
