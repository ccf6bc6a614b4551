// <code-field data-places data-sends-itself>: drops what is not a digit, marks the place that comes next, sends the form when full.

// Digits of other scripts count too: every set of ten starts at a code point that is found from its own zero.
function digitsOf(text) {
  return Array.from(text.normalize("NFKC"), (character) => {
    if (/[0-9]/.test(character)) return character;
    if (!/\p{Nd}/u.test(character)) return "";
    let zero = character.codePointAt(0);
    while (/\p{Nd}/u.test(String.fromCodePoint(zero - 1)) && character.codePointAt(0) - zero < 9) zero -= 1;
    return String(character.codePointAt(0) - zero);
  }).join("");
}

class CodeField extends HTMLElement {
  connectedCallback() {
    this.input = this.querySelector("input");
    this.places = Number(this.dataset.places);
    this.sent = "";
    this.input.addEventListener("input", () => this.take());
    this.input.addEventListener("scroll", () => { this.input.scrollLeft = 0; });
    for (const type of ["keyup", "click", "focus"]) this.input.addEventListener(type, () => this.markPlace());
    // WCAG 3.2.2: whoever cannot see the page must know before that it goes on by itself.
    const warning = this.querySelector("[id$=-sends]");
    if (warning) this.input.setAttribute("aria-describedby", `${this.input.getAttribute("aria-describedby") ?? ""} ${warning.id}`.trim());
    this.markPlace();
  }

  take() {
    const digits = digitsOf(this.input.value).slice(0, this.places);
    if (digits !== this.input.value) this.input.value = digits;
    this.markPlace();
    const full = digits.length === this.places && digits !== this.sent;
    if (full && "sendsItself" in this.dataset && this.input.form?.checkValidity()) {
      this.sent = digits;
      const form = this.input.form;
      form.requestSubmit(form.querySelector("button[type=submit]:not([name])"));
    }
  }

  markPlace() {
    this.dataset.at = String(Math.min(this.input.selectionStart ?? this.input.value.length, this.places - 1));
  }
}

customElements.define("code-field", CodeField);
