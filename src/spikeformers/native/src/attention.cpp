// Attention by products of spikes without a softmax, scale Q K^T V for each head, and its gradient.
//
// Rows of tokens, channels innermost: [steps][samples][tokens][heads x channels]. Of each frame and head the matrices are brought
// into the cache, as floats, and all products are made there: in memory there are neither scores nor contexts. Sums of
// spikes are integers below 2^24 and thus exact, in any order.
#include <algorithm>
#include <vector>

#include "common.hpp"

extern "C" {

// The place of a row of queries, keys or values, in elements. What comes out is contiguous.
struct SfRows {
  int64_t step, sample, token;
};

struct SfAttention {
  int64_t steps, samples, tokens, heads;
  int64_t channels, width;  // of a head: those of its queries and keys, and those of its values
  SfRows q, k, v;
  float scale;
  int32_t keys_first;  // K^T V first, or else Q K^T
};
}

namespace sf {
namespace {

constexpr int kRows = kLanes == 16 ? 8 : 4;  // of a block of a product: what registers hold

inline int64_t rounded_up(int64_t size, int64_t unit) { return (size + unit - 1) / unit * unit; }

// A matrix whose rows and columns are rounded up to whole vectors; behind its elements there are zeros.
struct Matrix {
  int64_t rows, columns, stride;
  std::vector<float> memory;
  float* at;

  Matrix(int64_t rows, int64_t columns) : rows(rows), columns(columns), stride(rounded_up(columns, kLanes)) {
    memory.resize(size_t(rounded_up(rows, kLanes) * stride + kLanes));
    const uintptr_t line = sizeof(Vec);
    at = reinterpret_cast<float*>((reinterpret_cast<uintptr_t>(memory.data()) + line - 1) / line * line);
  }
  Matrix(const Matrix&) = delete;

  void read(const void* base, int32_t type, int64_t start, int64_t step, float scale = 1) {
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; j += kLanes)
        store_as(at + i * stride + j,
                 scale * load(base, type, size_t(start + i * step + j), int(std::min<int64_t>(kLanes, columns - j))));
  }

  void write(void* base, int32_t type, int64_t start, int64_t step, float scale = 1) const {
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; j += kLanes)
        store(base, type, size_t(start + i * step + j), scale * load_as<Vec>(at + i * stride + j),
              int(std::min<int64_t>(kLanes, columns - j)));
  }

  void transpose(const Matrix& from) {
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j) at[i * stride + j] = from.at[j * from.stride + i];
  }
};

// The left factor of a product: a matrix, or its transpose.
struct Left {
  const float* at;
  int64_t rows, depth, row, step;
};
inline Left plain(const Matrix& a) { return {a.at, a.rows, a.columns, a.stride, 1}; }
inline Left transposed(const Matrix& a) { return {a.at, a.columns, a.rows, 1, a.stride}; }

template <int U>
inline void block(const Left& a, const Matrix& b, Matrix& out, int64_t i, int64_t j) {
  Vec sums[kRows][U] = {};
  const float *left = a.at + i * a.row, *right = b.at + j;
  for (int64_t k = 0; k < a.depth; ++k, left += a.step, right += b.stride) {
    Vec columns[U];
    for (int u = 0; u < U; ++u) columns[u] = load_as<Vec>(right + u * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const Vec factor = splat(left[r * a.row]);
      for (int u = 0; u < U; ++u) sums[r][u] = multiply_add(factor, columns[u], sums[r][u]);
    }
  }
  for (int r = 0; r < kRows; ++r)
    for (int u = 0; u < U; ++u) store_as(out.at + (i + r) * out.stride + j + u * kLanes, sums[r][u]);
}

// out = a b, with zeros where out is rounded up.
void multiply(const Left& a, const Matrix& b, Matrix& out) {
  for (int64_t i = 0; i < a.rows; i += kRows) {
    int64_t j = 0;
    for (; j + 2 * kLanes <= out.stride; j += 2 * kLanes) block<2>(a, b, out, i, j);
    if (j < out.stride) block<1>(a, b, out, i, j);
  }
}

// What the products of one frame and head are made in; one for each thread.
struct Products {
  const SfAttention& s;
  Matrix q, k, v, out;  // `out`: the result, or its gradient
  Matrix inner, turned;  // K^T V, or the scores Q K^T; and what is needed in its transpose

  explicit Products(const SfAttention& s)
      : s(s), q(s.tokens, s.channels), k(s.tokens, s.channels), v(s.tokens, s.width), out(s.tokens, s.width),
        inner(s.keys_first ? s.channels : s.tokens, s.keys_first ? s.width : s.tokens),
        turned(s.keys_first ? 0 : s.channels, s.tokens) {}

  int64_t start(const SfRows& rows, int64_t frame) const {
    return frame / s.samples * rows.step + frame % s.samples * rows.sample;
  }

  void read(const void* q_rows, const void* k_rows, const void* v_rows, int32_t type, int64_t frame, int64_t head) {
    q.read(q_rows, type, start(s.q, frame) + head * s.channels, s.q.token);
    k.read(k_rows, type, start(s.k, frame) + head * s.channels, s.k.token);
    v.read(v_rows, type, start(s.v, frame) + head * s.width, s.v.token);
  }

  void multiply_inner() {
    if (s.keys_first) {
      multiply(transposed(k), v, inner);
    } else {
      turned.transpose(k);
      multiply(plain(q), turned, inner);
    }
  }

  void forward() {
    multiply_inner();
    if (s.keys_first)
      multiply(plain(q), inner, out);
    else
      multiply(plain(inner), v, out);
  }
};

// Gradients of one frame and head, from that of the result in `p.out`.
struct Gradients {
  Matrix q, k, v;
  Matrix inner, turned;  // of the inner product; and a transpose

  explicit Gradients(const SfAttention& s)
      : q(s.tokens, s.channels), k(s.tokens, s.channels), v(s.tokens, s.width),
        inner(s.keys_first ? s.channels : s.tokens, s.keys_first ? s.width : s.tokens),
        turned(s.width, s.keys_first ? s.channels : s.tokens) {}

  void backward(Products& p) {
    p.multiply_inner();
    if (p.s.keys_first) {
      turned.transpose(p.inner);
      multiply(plain(p.out), turned, q);
      multiply(transposed(p.q), p.out, inner);
      turned.transpose(inner);
      multiply(plain(p.v), turned, k);
      multiply(plain(p.k), inner, v);
    } else {
      multiply(transposed(p.inner), p.out, v);
      turned.transpose(p.v);
      multiply(plain(p.out), turned, inner);
      multiply(plain(inner), p.k, q);
      multiply(transposed(inner), p.q, k);
    }
  }
};

template <class Body>
void for_heads(const SfAttention& s, int32_t threads, const Body& body) {
  const int64_t work = s.tokens * s.channels * s.width;
  parallel(size_t(s.steps * s.samples * s.heads), size_t(std::max<int64_t>(1, 262144 / std::max<int64_t>(1, work))), threads, body);
}

}  // namespace
}  // namespace sf

// out: float [steps][samples][tokens][heads x width].
SF_API void sf_attention_forward(const SfAttention* sizes, const void* q, const void* k, const void* v, int32_t type,
                                 float* out, int32_t threads) {
  using namespace sf;
  const SfAttention& s = *sizes;
  const int64_t wide = s.heads * s.width;
  for_heads(s, threads, [&](size_t begin, size_t end) {
    Products p(s);
    for (int64_t i = int64_t(begin); i < int64_t(end); ++i) {
      const int64_t frame = i / s.heads, head = i % s.heads;
      p.read(q, k, v, type, frame, head);
      p.forward();
      p.out.write(out, kFloat32, frame * s.tokens * wide + head * s.width, wide, s.scale);
    }
  });
}

// grad: float, that of `out`; the gradients of q, k and v are of their type, contiguous.
SF_API void sf_attention_backward(const SfAttention* sizes, const void* q, const void* k, const void* v, int32_t type,
                                  const float* grad, void* grad_q, void* grad_k, void* grad_v, int32_t threads) {
  using namespace sf;
  const SfAttention& s = *sizes;
  const int64_t narrow = s.heads * s.channels, wide = s.heads * s.width;
  for_heads(s, threads, [&](size_t begin, size_t end) {
    Products p(s);
    Gradients g(s);
    for (int64_t i = int64_t(begin); i < int64_t(end); ++i) {
      const int64_t frame = i / s.heads, head = i % s.heads;
      p.read(q, k, v, type, frame, head);
      p.out.read(grad, kFloat32, frame * s.tokens * wide + head * s.width, wide, s.scale);
      g.backward(p);
      g.q.write(grad_q, type, frame * s.tokens * narrow + head * s.channels, narrow);
      g.k.write(grad_k, type, frame * s.tokens * narrow + head * s.channels, narrow);
      g.v.write(grad_v, type, frame * s.tokens * wide + head * s.width, wide);
    }
  });
}
