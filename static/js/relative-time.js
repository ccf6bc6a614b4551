// <relative-time><time datetime>: "3 hours ago" in the page's language, the exact time in the reader's zone as its title.

const STEPS = [["second", 60], ["minute", 60], ["hour", 24], ["day", 7], ["week", 4.35], ["month", 12], ["year", Infinity]];
const language = document.documentElement.lang || undefined;
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
const exact = new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "short" });

function wordsFor(moment) {
  let amount = (moment - Date.now()) / 1000;
  for (const [unit, size] of STEPS) {
    if (Math.abs(amount) < size) return relative.format(Math.round(amount), unit);
    amount /= size;
  }
}

class RelativeTime extends HTMLElement {
  connectedCallback() {
    this.time = this.querySelector("time");
    this.moment = new Date(this.time.dateTime);
    if (Number.isNaN(this.moment.getTime())) return;
    this.time.title = exact.format(this.moment);
    this.tell();
    this.timer = setInterval(() => this.tell(), 60_000);
  }

  disconnectedCallback() { clearInterval(this.timer); }

  tell() { this.time.textContent = wordsFor(this.moment); }
}

customElements.define("relative-time", RelativeTime);
