// Numbers as people read them.

// Return a number with as many digits as say something.
export function number(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e15) return value.toLocaleString("en");
  if (size >= 1e6 || (size > 0 && size < 1e-4)) return value.toExponential(3);
  return value.toLocaleString("en", { maximumSignificantDigits: 4 });
}

// Return a share as a percentage that never claims to be certain.
export function percent(share) {
  if (share > 0.999 && share < 1) return "> 99.9 %";
  if (share < 0.001 && share > 0) return "< 0.1 %";
  return `${(100 * share).toFixed(1)} %`;
}

// Return seconds in the unit that suits them.
export function duration(seconds) {
  return seconds < 1 ? `${number(seconds * 1000)} ms` : `${number(seconds)} s`;
}

// Return the step of a slider over a range: 1, 2 or 5 of the unit that makes about a hundred steps of it.
export function step(low, high) {
  const rough = (high - low) / 100 || 1;
  const unit = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((one) => one * unit).find((one) => one >= rough * 0.999);
}

// Return a value on the nearest step, without what binary fractions leave behind.
export function rounded(value, by) {
  return Number((Math.round(value / by) * by).toPrecision(12));
}

// Return what stands at a share of sorted values, 0 to 1.
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}
