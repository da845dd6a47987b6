// Places where a test may have the process killed, as by SIGKILL: in test builds only. Elsewhere
// there is nothing of them in the programs, not even their names.
//
//   fault_point("worker.answered");   dies here once the file of that name, in the folder that
//                                     the environment's DEPOT_FAULT_POINTS names, is there
//
// The file is removed: of several processes that pass, one dies.
//
// Threads: any.
// Errors:  none.
// Source:  docs/RELIABILITY.md, "Fault points".
#pragma once

namespace depot {

#ifdef DEPOT_WITH_FAULT_POINTS
void fault_point(const char* name);
#else
inline void fault_point(const char*) {}
#endif

}  // namespace depot
