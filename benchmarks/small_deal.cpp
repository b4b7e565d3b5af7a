// The rows of small_deal.py by hand, eight futures side by side in one register.

#include <cmath>
#include <cstring>
#include <thread>
#include <vector>

typedef double Lanes __attribute__((vector_size(64)));
typedef long long Whole __attribute__((vector_size(64)));

const int YEARS = 16;

static inline Lanes all(double x) { return Lanes{x, x, x, x, x, x, x, x}; }
static inline Lanes larger(Lanes a, Lanes b) { return a > b ? a : b; }
static inline Lanes smaller(Lanes a, Lanes b) { return a < b ? a : b; }

static inline Lanes exp_of(Lanes x) {
  const double magic = 6755399441055744.0;
  Lanes n = (x * 1.4426950408889634 + magic) - magic;
  Lanes high = x - n * 6.93147180369123816490e-01, low = n * 1.90821492927058770002e-10, r = high - low, s = r * r;
  Lanes c = all(4.13813679705723846039e-08);
  c = -1.65339022054652515390e-06 + s * c;
  c = 6.61375632143793436117e-05 + s * c;
  c = -2.77777777770155933842e-03 + s * c;
  c = 1.66666666666666019037e-01 + s * c;
  c = r - s * c;
  Lanes y = 1.0 - ((low - (r * c) / (2.0 - c)) - high);
  return y * (Lanes)(((Whole)(n + magic) + 1023) << 52);
}

static inline Lanes log_of(Lanes x) {
  Whole bits = (Whole)x;
  Lanes m = (Lanes)((bits & 0x000FFFFFFFFFFFFFLL) | 0x3FF0000000000000LL);
  Lanes k = (Lanes)((bits >> 52) | 0x4330000000000000LL) - 4503599627371519.0;
  Whole big = m > 1.4142135623730951;
  k = big ? k + 1.0 : k;
  Lanes f = (big ? m * 0.5 : m) - 1.0, s = f / (2.0 + f), z = s * s, w = z * z;
  Lanes even = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
  Lanes odd = z * (6.666666666666735130e-01 +
                   w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
  Lanes half = 0.5 * f * f;
  return k * 6.93147180369123816490e-01 - ((half - (s * (half + even + odd) + k * 1.90821492927058770002e-10)) - f);
}

// Newton on log(PV of receipts / PV of payments), then on the value: for flows whose sign changes once.
static Lanes rate_of(const Lanes* flow) {
  Lanes zero = all(0.0), got = zero, paid = zero, got1 = zero, paid1 = zero, got2 = zero, paid2 = zero;
  for (int t = YEARS - 1; t >= 0; t--) {
    Lanes in = larger(flow[t], zero), out = in - flow[t];
    got2 += got1, paid2 += paid1, got1 += got, paid1 += paid, got += in, paid += out;
  }
  Lanes mean_got = got1 / got, mean_paid = paid1 / paid;
  Lanes spread = (2.0 * got2 / got + mean_got - mean_got * mean_got) -
                 (2.0 * paid2 / paid + mean_paid - mean_paid * mean_paid);
  Lanes height = log_of(got / paid), slope = mean_got - mean_paid, straight = height / slope;
  Lanes bent = slope - spread * straight / 2.0;
  Lanes d = exp_of(-(bent * slope > slope * slope / 2.0 ? height / bent : straight));
  got = paid = got1 = paid1 = zero;
  for (int t = YEARS - 1; t >= 0; t--) {
    Lanes in = larger(flow[t], zero), out = in - flow[t];
    got1 = got1 * d + got, paid1 = paid1 * d + paid, got = got * d + in, paid = paid * d + out;
  }
  d *= exp_of(-(log_of(got / paid) / (d * (got1 / got - paid1 / paid))));
  for (int k = 0; k < 3; k++) {
    Lanes v = zero, g = zero;
    for (int t = YEARS - 1; t >= 0; t--) g = g * d + v, v = v * d + flow[t];
    d -= v / g;
  }
  return (1.0 - d) / d;
}

static void part(long from, long to, long futures, const double* const* in, const double* outlay, const double* fixed,
                 double cap_growth, double tax_rate, double* out) {
  for (long i = from; i < to; i += 8) {
    Lanes p[8] = {}, zero = all(0.0), flow[YEARS];
    long width = to - i < 8 ? to - i : 8;
    for (int k = 0; k < 8; k++) std::memcpy(&p[k], in[k] + i, width * sizeof(double));
    Lanes growth = p[0], margin = p[1], share_rate = p[2], share_cap = p[3], stake = p[4], rate = p[5];
    Lanes revenue = p[6], cap = p[7], losses = zero, share_to_date = zero, received = zero, factor = all(1.0);
    Lanes worth = zero, paid_in = zero, back = zero;
    for (int t = 0; t < YEARS; t++) {
      revenue = revenue * (1.0 + growth);
      Lanes profit = revenue * margin - fixed[t];
      Lanes taxable = larger(profit - losses, zero);
      losses = larger(losses - profit, zero);
      Lanes cash = larger(profit - taxable * tax_rate, zero);
      Lanes share = smaller(revenue * share_rate, larger(share_cap - share_to_date, zero));
      share_to_date += share;
      cap = cap * (1.0 + cap_growth);
      Lanes got = smaller(cash * stake, larger(cap - received, zero));
      received += got;
      factor = factor / (1.0 + rate);
      flow[t] = (share + got) - outlay[t];
      worth += flow[t] * factor;
      paid_in += outlay[t];
      back += share + got;
    }
    Lanes found[4] = {worth, share_to_date, back / paid_in, rate_of(flow)};
    for (int k = 0; k < 4; k++) std::memcpy(out + k * futures + i, &found[k], width * sizeof(double));
  }
}

extern "C" void small_deal(long futures, int threads, const double* const* in, const double* outlay,
                           const double* fixed, double cap_growth, double tax_rate, double* out) {
  std::vector<std::thread> crew;
  long each = (futures / threads + 7) / 8 * 8;
  for (int k = 0; k < threads; k++) {
    long from = k * each, to = k == threads - 1 ? futures : (k + 1) * each;
    crew.emplace_back(part, from, to < futures ? to : futures, futures, in, outlay, fixed, cap_growth, tax_rate, out);
  }
  for (auto& one : crew) one.join();
}
