// The two questions of version.cpp.
#define SF_INTERFACE "interface"
#define SF_SOURCES "sources"
#include <version.cpp>

#include "check.hpp"

int main() { std::printf("sf_version: %s\nsf_best_instruction_set: %s\n", sf_version(), sf_best_instruction_set()); }
