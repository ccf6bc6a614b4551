// <proof-of-work data-seed data-bits>: finds a number whose SHA-256 with the seed begins with enough zero bits, and sends the form.
// Our own SHA-256: crypto.subtle answers each call later, which takes twenty times as long for a hundred thousand short texts.

const K = new Uint32Array(64);
const START = new Uint32Array(8);
// FIPS 180-4 section 4.2.2 and 5.3.3: the fractions of the cube and square roots of the first primes.
for (let n = 2, found = 0; found < 64; n += 1) {
  let prime = true;
  for (let d = 2; d * d <= n; d += 1) if (n % d === 0) { prime = false; break; }
  if (!prime) continue;
  if (found < 8) START[found] = (Math.sqrt(n) % 1) * 2 ** 32;
  K[found] = (Math.cbrt(n) % 1) * 2 ** 32;
  found += 1;
}

const WORDS = new Uint32Array(64);

// The first 32 bits of the hash of a text of at most 55 ASCII characters: one block, and more zero bits are never asked for.
export function firstWord(text) {
  const w = WORDS.fill(0);
  for (let i = 0; i < text.length; i += 1) w[i >> 2] |= text.charCodeAt(i) << (24 - 8 * (i & 3));
  w[text.length >> 2] |= 0x80 << (24 - 8 * (text.length & 3));
  w[15] = text.length * 8;
  for (let i = 16; i < 64; i += 1) {
    const a = w[i - 15], b = w[i - 2];
    w[i] = w[i - 16] + w[i - 7] + ((a >>> 7 | a << 25) ^ (a >>> 18 | a << 14) ^ a >>> 3)
      + ((b >>> 17 | b << 15) ^ (b >>> 19 | b << 13) ^ b >>> 10);
  }
  let [a, b, c, d, e, f, g, h] = START;
  for (let i = 0; i < 64; i += 1) {
    const x = h + ((e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7)) + (e & f ^ ~e & g) + K[i] + w[i] | 0;
    const y = ((a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10)) + (a & b ^ a & c ^ b & c) | 0;
    h = g; g = f; f = e; e = d + x | 0; d = c; c = b; b = a; a = x + y | 0;
  }
  return a + START[0] >>> 0;
}

export function solves(seed, number, bits) {
  return Math.clz32(firstWord(`${seed}.${number}`)) >= bits;
}

const UNTIL_READ = 300; // ms; what is written while the page is still being announced is lost
const AT_A_TIME = 4000; // a few milliseconds, so that the page stays alive

function search(seed, bits, from, done) {
  for (let number = from; number < from + AT_A_TIME; number += 1) if (solves(seed, number, bits)) { done(number); return; }
  setTimeout(search, 0, seed, bits, from + AT_A_TIME, done);
}

if (globalThis.customElements) {
  customElements.define("proof-of-work", class extends HTMLElement {
    connectedCallback() {
      // Coming back by the browser's history finds a challenge that was used: then the person presses the button.
      if (performance.getEntriesByType("navigation")[0]?.type === "back_forward") return;
      const working = this.querySelector("[data-working]");
      working.hidden = false;
      setTimeout(() => { document.getElementById("announcer").textContent = working.textContent; }, UNTIL_READ);
      this.querySelector("[data-by-hand]").hidden = true;
      search(this.dataset.seed, Number(this.dataset.bits), 0, (number) => {
        const form = this.querySelector("form");
        form.elements.answer.value = String(number);
        form.requestSubmit();
      });
    }
  });
}
