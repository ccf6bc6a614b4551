// <late-buttons data-early>: the buttons of the forms in it work once the page has been in front for half a second. A site that lures somebody
// into a double click and takes its window away between the two would otherwise get the second one: "Allow".

const IN_FRONT_FOR = 500; // ms; longer than a double click, shorter than reading what is asked

class LateButtons extends HTMLElement {
  #timer;
  #leave; // the AbortController of the listeners on the window

  connectedCallback() {
    this.#leave = new AbortController();
    const { signal } = this.#leave;
    this.addEventListener("submit", (event) => {
      if (!this.#timer) return;
      document.getElementById("announcer").textContent = this.dataset.early;
      event.preventDefault();
      event.stopPropagation(); // or submit-once would take it for sent
    }, { capture: true, signal });
    addEventListener("focus", () => this.#begin(), { signal });
    addEventListener("blur", () => this.#wait(), { signal });
    addEventListener("pageshow", (event) => { if (event.persisted) this.#begin(); }, { signal });
    this.#begin();
  }

  disconnectedCallback() {
    this.#leave.abort();
  }

  #wait() {
    clearTimeout(this.#timer);
    this.#timer = -1;
    for (const button of this.#buttons()) button.setAttribute("aria-disabled", "true");
  }

  #begin() {
    this.#wait();
    if (!document.hasFocus()) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      for (const button of this.#buttons()) button.removeAttribute("aria-disabled");
    }, IN_FRONT_FOR);
  }

  // What is on its way already stays as submit-once left it.
  #buttons() {
    return this.querySelectorAll("form:not([data-sent]) button");
  }
}

customElements.define("late-buttons", LateButtons);
