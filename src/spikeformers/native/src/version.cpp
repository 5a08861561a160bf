// What the loader asks a library before it trusts it. SF_INTERFACE and SF_SOURCES are what native/build.py compiled.
#include "common.hpp"

#ifdef __clang__
#define SF_COMPILER "clang " __clang_version__
#else
#define SF_COMPILER "g++ " __VERSION__
#endif

#ifdef _OPENMP
#define SF_OPENMP "true"
#else
#define SF_OPENMP "false"
#endif

// One line of JSON.
SF_API const char* sf_version() {
  return "{\"interface\": \"" SF_INTERFACE "\", \"sources\": \"" SF_SOURCES "\", \"compiler\": \"" SF_COMPILER
         "\", \"openmp\": " SF_OPENMP "}";
}

// The best of the instruction sets in native/sets.py that this processor and its system can run.
SF_API const char* sf_best_instruction_set() {
#if defined(__x86_64__)
  __builtin_cpu_init();
#define SF_HAS(feature) __builtin_cpu_supports(feature)
  bool v3 = SF_HAS("avx2") && SF_HAS("fma") && SF_HAS("bmi") && SF_HAS("bmi2");
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11
  v3 = v3 && SF_HAS("f16c") && SF_HAS("lzcnt") && SF_HAS("movbe");
#endif
  bool v4 = v3 && SF_HAS("avx512f") && SF_HAS("avx512bw") && SF_HAS("avx512cd") && SF_HAS("avx512dq") &&
            SF_HAS("avx512vl");
  if (v4 && SF_HAS("avx512vbmi") && SF_HAS("avx512vnni") && SF_HAS("avx512bf16") && SF_HAS("avx512vpopcntdq"))
    return "avx512";
  if (v3) return "avx2";
#undef SF_HAS
#endif
  return "portable";
}
