// <flow-watch data-url data-every>: the page that waits for a link opened elsewhere asks now and then whether it was, and moves on.

const SLOWEST_SECONDS = 30;

class FlowWatch extends HTMLElement {
  connectedCallback() {
    this.pause = Number(this.dataset.every);
    this.whenSeen = () => { if (!document.hidden) this.look(); };
    document.addEventListener("visibilitychange", this.whenSeen);
    this.plan();
  }

  disconnectedCallback() {
    clearTimeout(this.timer);
    document.removeEventListener("visibilitychange", this.whenSeen);
  }

  plan() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), this.pause * 1000);
  }

  async look() {
    try {
      const answer = await fetch(this.dataset.url, { headers: { Accept: "application/json" }, cache: "no-store", redirect: "error" });
      if (!answer.ok) throw new Error(String(answer.status));
      const { state, next } = await answer.json();
      if (state === "moved") { this.move(next); return; }
      this.pause = Number(this.dataset.every);
    } catch {
      this.pause = Math.min(this.pause * 2, SLOWEST_SECONDS);
    }
    // A page nobody looks at asks less often; it looks at once when it is seen again.
    if (document.hidden) this.pause = Math.min(this.pause * 1.5, SLOWEST_SECONDS);
    this.plan();
  }

  move(next) {
    this.disconnectedCallback();
    for (const part of this.querySelectorAll("[hidden]")) part.hidden = false;
    document.getElementById("announcer").textContent = this.querySelector("p")?.textContent ?? "";
    // Without a place to go the next step is a form of ours: a login must not happen by mere looking.
    const form = next === undefined && this.querySelector("form");
    if (form) { form.requestSubmit(); return; }
    const target = new URL(next ?? location.href, location.href);
    // Only a place of this site: an answer must not be able to send the person elsewhere.
    if (target.origin === location.origin) location.assign(target);
  }
}

customElements.define("flow-watch", FlowWatch);
