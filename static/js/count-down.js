// <count-down data-seconds data-enables="button-id">: counts down, then lets the button be used and goes away.

class CountDown extends HTMLElement {
  connectedCallback() {
    // Counted from the clock, not by ticks: a page in the background, or back from the history, stays right.
    this.end = performance.now() + Number(this.dataset.seconds) * 1000;
    this.time = this.querySelector(".countdown__time");
    this.button = document.getElementById(this.dataset.enables);
    if (this.button) this.button.disabled = true;
    this.tick();
    this.timer = setInterval(() => this.tick(), 1000);
  }

  disconnectedCallback() { clearInterval(this.timer); }

  tick() {
    const left = Math.max(0, Math.ceil((this.end - performance.now()) / 1000));
    this.time.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    if (left > 0) return;
    clearInterval(this.timer);
    this.hidden = true;
    if (this.button) this.button.disabled = false;
  }
}

customElements.define("count-down", CountDown);
