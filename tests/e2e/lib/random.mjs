// Random numbers that can be had again: the same seed gives the same ones.

export class Random {
  constructor(seed) {
    this.state = seed >>> 0;
  }

  /** mulberry32: from 0 on, below 1. */
  next() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  below(n) {
    return Math.floor(this.next() * n);
  }

  of(list) {
    return list[this.below(list.length)];
  }

  /** One of the keys of { key: weight }. */
  weighted(weights) {
    let at = this.next() * Object.values(weights).reduce((sum, n) => sum + n, 0);
    for (const [key, weight] of Object.entries(weights)) {
      at -= weight;
      if (at < 0) return key;
    }
    throw new Error('no weights');
  }
}
